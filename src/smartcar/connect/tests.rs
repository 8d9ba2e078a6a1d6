//! The way to Connect, and what a browser brings back.

use super::*;

fn url(query: &str) -> String {
    let application = ApplicationId::parse("a-1").unwrap();
    let options = ConnectOptions::read(query).unwrap();
    let request = ConnectRequest {
        application: &application,
        redirect_uri: "https://app.example.com/connect/callback?x=1",
        mode: ConnectMode::Live,
        state: "00ff",
        options: &options,
    };
    request.url("https://connect.smartcar.com/")
}

#[test]
fn connect_url_has_the_documented_parameters() {
    // By Python's urllib.parse.urlencode(…, quote_via=quote, safe='').
    let least = "https://connect.smartcar.com/oauth/authorize?response_type=code\
        &application_id=a-1\
        &redirect_uri=https%3A%2F%2Fapp.example.com%2Fconnect%2Fcallback%3Fx%3D1\
        &mode=live&state=00ff";
    assert_eq!(url(""), least);
    let all = "scope=read_battery+required:read_vin&external_id=e@x&make=TESLA\
        &single_select=true&single_select_vin=5YJ3E1EA7KF317000&approval_prompt=force\
        &flags=country:DE";
    let more = "&scope=read_battery%20required%3Aread_vin&external_id=e%40x&make=TESLA\
        &single_select=true&single_select_vin=5YJ3E1EA7KF317000&approval_prompt=force\
        &flags=country%3ADE";
    assert_eq!(url(all), format!("{least}{more}"));
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
        ("single_select_vin=5YJ3E1EA7KF317000", "single_select_vin"),
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
        assert_eq!(refused, InvalidConnect::Unknown(name.to_owned()));
    }
    let refused = ConnectOptions::read("a%0d%0a%22b=1").unwrap_err();
    let sentence = "the parameter a\"b cannot be given; mode, scope, external_id, make, \
        single_select, single_select_vin, approval_prompt, flags can";
    assert_eq!(refused.to_string(), sentence);
}

#[test]
fn user_is_read_under_both_names() {
    let user = ConnectOutcome::User(UserId::parse("u-1").unwrap());
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
