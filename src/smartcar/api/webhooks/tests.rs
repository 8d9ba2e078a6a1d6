use super::*;
use crate::testing::{Fake, client};
use futures::TryStreamExt;

const WEBHOOK: &str = r#"{"id":"w-1","type":"webhook","attributes":{"name":"Night","isEnabled":true,
    "callbackUri":"https://example.com/hook?key=hush","errorCallbackUri":"https://example.com/errors",
    "triggers":[{"group":"Charge","name":"IsCharging","code":"charge-ischarging"},7],
    "data":[{"code":"charge-voltage"},{"group":8}],"autoSubscribe":false,"tomorrow":1.50},
    "meta":{"createdAt":"2026-07-04T09:30:15Z"}}"#;

#[test]
fn webhook_is_read() {
    let fake = Fake::new();
    fake.answer("/v3/webhooks/w-1", 200, &format!(r#"{{"data":{WEBHOOK}}}"#));
    let id = WebhookId::parse("w-1").unwrap();
    let webhook = fake.run(client(&fake).get_webhook(&id)).unwrap().value;
    assert_eq!(webhook.id, id);
    assert_eq!(webhook.name.as_deref(), Some("Night"));
    assert_eq!(
        webhook.callback_uri.as_deref(),
        Some("https://example.com/hook?key=hush")
    );
    assert_eq!(
        webhook.error_callback_uri.as_deref(),
        Some("https://example.com/errors")
    );
    assert_eq!(
        (webhook.is_enabled, webhook.auto_subscribe),
        (Some(true), Some(false))
    );
    let signal = |group: Option<&str>, name: Option<&str>, code: Option<&str>| WebhookSignal {
        group: group.map(str::to_owned),
        name: name.map(str::to_owned),
        code: code.map(str::to_owned),
    };
    let trigger = signal(
        Some("Charge"),
        Some("IsCharging"),
        Some("charge-ischarging"),
    );
    assert_eq!(webhook.triggers, [trigger]);
    let voltage = signal(None, None, Some("charge-voltage"));
    assert_eq!(webhook.data, [voltage, signal(None, None, None)]);
    // date -u -d '2026-07-04T09:30:15Z' +%s → 1783157415
    assert_eq!(webhook.created_at, Some(Timestamp(1_783_157_415_000)));
    assert_eq!(webhook.updated_at, None);
    assert_eq!(webhook.raw.as_str(), WEBHOOK);
    assert!(!format!("{webhook:?}").contains("hush"));
    let request = fake.requests().pop().unwrap();
    assert_eq!(request.method(), "GET");
    let uri = "https://management.example.com/v3/webhooks/w-1";
    assert_eq!(request.uri().to_string(), uri);
}

#[test]
fn filter_is_sent_encoded() {
    let fake = Fake::new();
    fake.answer("/v3/webhooks", 200, &format!(r#"{{"data":[{WEBHOOK}]}}"#));
    let filter = WebhookFilter {
        name: Some("night & day".into()),
        callback_uri: Some("example.com/hush".into()),
        is_enabled: Some(true),
        auto_subscribe: Some(false),
    };
    assert!(!format!("{filter:?}").contains("hush"));
    let client = client(&fake);
    let page = fake.run(client.list_webhooks(&filter, PageRequest::of_size(100)));
    assert_eq!(page.unwrap().value.items.len(), 1);
    let expected = "filter%5Bname%5D=night+%26+day&filter%5BcallbackUri%5D=example.com%2Fhush\
        &filter%5BisEnabled%5D=true&filter%5BautoSubscribe%5D=false\
        &page%5Bnumber%5D=1&page%5Bsize%5D=100";
    assert_eq!(fake.requests()[1].uri().query(), Some(expected));
    let all = client.all_webhooks(&filter, PageRequest::of_size(100));
    let all: Vec<_> = fake.run(all.try_collect()).unwrap();
    assert_eq!(all[0].id.as_str(), "w-1");
    assert_eq!(fake.requests()[2].uri().query(), Some(expected));
}

#[test]
fn webhook_that_is_not_there_is_an_error() {
    let fake = Fake::new();
    let missing = r#"{"errors":[{"status":"404","type":"RESOURCE_NOT_FOUND"}]}"#;
    fake.answer("/v3/webhooks/w-1", 404, missing);
    let id = WebhookId::parse("w-1").unwrap();
    let error = fake.run(client(&fake).get_webhook(&id)).unwrap_err();
    assert!(matches!(error, Error::Api(error) if error.kind == "RESOURCE_NOT_FOUND"));
}
