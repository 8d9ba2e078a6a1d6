// Asks for what Smartcar's own client knows of API v3, and prints what it got:
// node client.js TOKEN VEHICLE SIGNAL. SMARTCAR_API_V3_ORIGIN says where.
'use strict';

const smartcar = require('smartcar');

const [token, vehicleId, signalCode] = process.argv.slice(2);

// What is not the same twice: ids of requests, times, and the headers about them.
const said = async (call) => {
  try {
    const { body, headers } = await call();
    delete body.meta;
    return { body, requestId: 'sc-request-id' in headers };
  } catch (error) {
    const { name, statusCode, type, requestId, message } = error;
    return { name, statusCode, type, requestId: Boolean(requestId), message };
  }
};

(async () => {
  const vehicle = new smartcar.Vehicle(vehicleId, token);
  const unknown = new smartcar.Vehicle('unknown', token);
  console.log(JSON.stringify({
    vehicle: await said(() => smartcar.getVehicle(token, vehicleId)),
    signals: await said(() => vehicle.getSignals()),
    signal: await said(() => vehicle.getSignal(signalCode)),
    unknownVehicle: await said(() => smartcar.getVehicle(token, 'unknown')),
    unknownSignals: await said(() => unknown.getSignals()),
    unknownSignal: await said(() => vehicle.getSignal('no-signal')),
  }));
})();
