//! The way to Connect, and what a browser brings back.

use super::{reauthentication::*, *};

const WAY_BACK: WayBack<'static> = WayBack {
    redirect_uri: "https://app.example.com/connect/callback?x=1",
    state: "00ff",
};

fn connect(query: &str, way_back: Option<WayBack<'_>>) -> String {
    let application = ApplicationId::parse("a-1").unwrap();
    let options = ConnectOptions::read(query).unwrap();
    let request = ConnectRequest {
        application: &application,
        way_back,
        mode: ConnectMode::Live,
        options: &options,
    };
    request.url("https://connect.smartcar.com/")
}

fn reauthenticate(query: &str, way_back: Option<WayBack<'_>>) -> String {
    let application = ApplicationId::parse("a-1").unwrap();
    let options = ReauthenticationOptions::read(query).unwrap();
    let request = ReauthenticationRequest {
        application: &application,
        way_back,
        options: &options,
    };
    request.url("https://connect.smartcar.com/")
}

#[test]
fn connect_url_has_the_documented_parameters() {
    // By Python's urllib.parse.urlencode(…, quote_via=quote, safe='').
    let least = "https://connect.smartcar.com/oauth/authorize?response_type=code\
        &application_id=a-1&mode=live\
        &redirect_uri=https%3A%2F%2Fapp.example.com%2Fconnect%2Fcallback%3Fx%3D1\
        &state=00ff";
    assert_eq!(connect("response_type=code", Some(WAY_BACK)), least);
    let all = "scope=read_battery+required:read_vin&external_id=e@x&make=TESLA\
        &single_select=true&single_select_vin=5YJ3E1EA7KF317000&approval_prompt=force\
        &flags=country:DE";
    let more = "&scope=read_battery%20required%3Aread_vin&external_id=e%40x&make=TESLA\
        &single_select=true&single_select_vin=5YJ3E1EA7KF317000&approval_prompt=force\
        &flags=country%3ADE";
    assert_eq!(connect(all, Some(WAY_BACK)), format!("{least}{more}"));
    let one = "&single_select=true&single_select_vin=5YJ3E1EA7KF317000";
    let vin = connect("single_select_vin=5YJ3E1EA7KF317000", Some(WAY_BACK));
    assert_eq!(vin, format!("{least}{one}"));
    let hosted = "https://connect.smartcar.com/oauth/authorize?response_type=none\
        &application_id=a-1&mode=live&make=KIA";
    assert_eq!(connect("response_type=none&make=KIA", None), hosted);
}

#[test]
fn reauthentication_url_has_the_documented_parameters() {
    let least = "https://connect.smartcar.com/oauth/reauthenticate?response_type=vehicle_id\
        &application_id=a-1&vehicle_id=v-1\
        &redirect_uri=https%3A%2F%2Fapp.example.com%2Fconnect%2Fcallback%3Fx%3D1\
        &state=00ff";
    assert_eq!(reauthenticate("vehicle_id=v-1", Some(WAY_BACK)), least);
    let named = "vehicle_id=v-1&external_id=e@x&response_type=vehicle_id";
    let url = reauthenticate(named, Some(WAY_BACK));
    assert_eq!(url, format!("{least}&external_id=e%40x"));
    let hosted = "https://connect.smartcar.com/oauth/reauthenticate?response_type=none\
        &application_id=a-1&vehicle_id=v-1&external_id=null";
    let forget = "vehicle_id=v-1&response_type=none&external_id=null";
    assert_eq!(reauthenticate(forget, None), hosted);
    let read = ReauthenticationOptions::read;
    assert_eq!(read(named).unwrap().user(), Some("e@x"));
    // `external_id=null` asks Smartcar to forget the user's external id.
    assert_eq!(read(forget).unwrap().user(), None);
    assert!(read(forget).unwrap().ends_at_smartcar);
}

#[test]
fn reauthentication_takes_one_vehicle_and_nothing_unknown() {
    let read = |query| ReauthenticationOptions::read(query).unwrap_err();
    let missing = InvalidConnect::Missing("vehicle_id");
    assert_eq!(read("external_id=e"), missing);
    assert!(matches!(read("vehicle_id=a/b"), InvalidConnect::Id(_)));
    let twice = read("vehicle_id=v-1&vehicle_id=v-2");
    assert_eq!(twice, InvalidConnect::Twice("vehicle_id"));
    let code = read("vehicle_id=v-1&response_type=code");
    let expected = "the parameter response_type is not vehicle_id or none";
    assert_eq!(code.to_string(), expected);
    let unknown = read("vehicle_id=v-1&mode=live").to_string();
    let expected = "the parameter mode cannot be given; vehicle_id, external_id, response_type can";
    assert_eq!(unknown, expected);
}

#[test]
fn connect_parameter_that_is_not_documented_is_refused() {
    for (query, name) in [
        ("mode=test", "mode"),
        ("mode=", "mode"),
        ("scope=", "scope"),
        ("scope=read%26x", "scope"),
        ("external_id=a%0d%0ab", "external_id"),
        ("external_id=null", "external_id"),
        ("make=a/b", "make"),
        ("single_select=yes", "single_select"),
        (
            "single_select=false&single_select_vin=5YJ3E1EA7KF317000",
            "single_select_vin",
        ),
        (
            "single_select=true&single_select_vin=5YJ",
            "single_select_vin",
        ),
        ("approval_prompt=never", "approval_prompt"),
        ("flags=<b>", "flags"),
        ("response_type=token", "response_type"),
    ] {
        let refused = ConnectOptions::read(query).unwrap_err();
        assert!(
            matches!(refused, InvalidConnect::Value(of, _) if of == name),
            "{query}: {refused}"
        );
    }
    let long = format!("external_id={}", "a".repeat(129));
    assert!(ConnectOptions::read(&long).is_err());
    let twice = ConnectOptions::read("mode=live&mode=live");
    assert_eq!(twice, Err(InvalidConnect::Twice("mode")));
}

#[test]
fn connect_parameter_that_is_unknown_or_not_the_caller_s_is_refused_by_its_name() {
    for name in ["utm_source", "state", "redirect_uri", "single_select_VIN"] {
        let refused = ConnectOptions::read(&format!("mode=live&{name}=x")).unwrap_err();
        let known = ConnectOptions::NAMES;
        assert_eq!(refused, InvalidConnect::Unknown(name.to_owned(), known));
    }
    let refused = ConnectOptions::read("a%0d%0a%22b=1").unwrap_err();
    let sentence = "the parameter a\"b cannot be given; mode, scope, external_id, make, \
        single_select, single_select_vin, approval_prompt, flags, response_type can";
    assert_eq!(refused.to_string(), sentence);
}

#[test]
fn user_is_read_under_both_names() {
    let user = ConnectOutcome::Returned {
        user: UserId::parse("u-1").ok(),
        vehicle: None,
    };
    for query in [
        "user_id=u-1&state=s&code=c",
        "state=s&userId=u-1",
        "state=s&userId=u-1&user_id=u-1",
    ] {
        let read = ConnectReturn::read(query).unwrap();
        assert_eq!((read.state.as_str(), &read.outcome), ("s", &user));
    }
    for (query, refused) in [
        ("user_id=u-1", InvalidConnect::Missing("state")),
        ("state=s", InvalidConnect::Missing("user_id")),
        ("state=s&code=c", InvalidConnect::Missing("user_id")),
        ("state=s&state=t&user_id=u", InvalidConnect::Twice("state")),
        (
            "state=s&user_id=u&userId=v",
            InvalidConnect::Twice("user_id"),
        ),
    ] {
        assert_eq!(ConnectReturn::read(query).err(), Some(refused), "{query}");
    }
    let no_id = ConnectReturn::read("state=s&user_id=a/b");
    assert!(matches!(no_id, Err(InvalidConnect::Id(_))));
}

#[test]
fn vehicle_is_read_with_and_without_a_user() {
    for (query, user) in [
        ("vehicle_id=v-1&external_id=e&state=s", None),
        ("vehicle_id=v-1&user_id=u-1&state=s", Some("u-1")),
    ] {
        let returned = ConnectOutcome::Returned {
            user: user.map(|id| UserId::parse(id).unwrap()),
            vehicle: VehicleId::parse("v-1").ok(),
        };
        assert_eq!(ConnectReturn::read(query).unwrap().outcome, returned);
    }
    let no_id = ConnectReturn::read("state=s&vehicle_id=a/b");
    assert!(matches!(no_id, Err(InvalidConnect::Id(_))));
}

#[test]
fn error_is_an_error_whatever_else_is_there() {
    let read = "error=access_denied&error_description=User+denied+access.&state=s&user_id=u";
    let failed = |description: Option<&str>| {
        ConnectOutcome::Failed(ConnectFailure {
            error: "access_denied".into(),
            description: description.map(str::to_owned),
            ..ConnectFailure::default()
        })
    };
    let read = ConnectReturn::read(read).unwrap();
    assert_eq!(read.outcome, failed(Some("User denied access.")));
    let read = ConnectReturn::read("error=access_denied&state=s").unwrap();
    assert_eq!(read.outcome, failed(None));
}

#[test]
fn error_about_a_vehicle_says_which() {
    let read = "error=vehicle_incompatible&state=s&vin=5YJ3E1EA7KF317000&make=TESLA\
        &model=Model+3&year=2019";
    let outcome = ConnectReturn::read(read).unwrap().outcome;
    let expected = ConnectFailure {
        error: "vehicle_incompatible".into(),
        description: None,
        vin: Some("5YJ3E1EA7KF317000".into()),
        make: Some("TESLA".into()),
        model: Some("Model 3".into()),
        year: Some("2019".into()),
    };
    assert!(!format!("{outcome:?}").contains("5YJ3"));
    assert_eq!(outcome, ConnectOutcome::Failed(expected));
}
