//! `GET /v3/webhooks` and `GET /v3/webhooks/{webhookId}`: the one webhook, as the
//! management API describes it. What it sends is in `webhook`.
//! <https://smartcar.com/docs/api-reference/list-webhooks>,
//! <https://smartcar.com/docs/api-reference/get-webhook>

use crate::{
    access::path_parameter,
    catalogue::Kind,
    clock::Millis,
    event::WEBHOOK_NAME,
    fleet::WEBHOOK,
    page::{Page, Query},
    refusal::Refusal,
    state::{Shared, Simulator},
};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use http::{Uri, request::Parts};
use serde_json::{Value, json};

const PAGE_SIZE: usize = 50;
const CREATED_AT: Millis = Millis(1_764_230_518_377);
/// No car is subscribed by itself: the list of subscriptions starts empty.
const AUTO_SUBSCRIBE: bool = false;

pub(crate) struct WebhookId(String);

impl FromRequestParts<Shared> for WebhookId {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &Shared) -> Result<Self, Refusal> {
        path_parameter(parts, state, "webhookId").await.map(Self)
    }
}

pub(crate) async fn webhook(
    State(simulator): State<Shared>,
    WebhookId(id): WebhookId,
) -> Result<Json<Value>, Refusal> {
    if id != WEBHOOK {
        return Err(Refusal::invalid_path());
    }
    Ok(Json(json!({ "data": resource(&simulator) })))
}

pub(crate) async fn webhooks(
    State(simulator): State<Shared>,
    uri: Uri,
) -> Result<Json<Value>, Refusal> {
    let query = Query::of(&uri);
    let page = Page::read(&query, PAGE_SIZE)?;
    let filter = Filter::read(&query)?;
    let found = filter.admits(&simulator).then(|| resource(&simulator));
    let url = format!("{}/v3/webhooks", simulator.origin);
    Ok(Json(page.answer(
        found.into_iter().collect(),
        &url,
        &filter.pairs(),
    )))
}

/// Which webhooks a list request asks for. Texts are looked for anywhere in the
/// value, in upper or lower case.
struct Filter {
    name: Option<String>,
    callback_uri: Option<String>,
    is_enabled: Option<bool>,
    auto_subscribe: Option<bool>,
}

impl Filter {
    fn read(query: &Query) -> Result<Self, Refusal> {
        Ok(Self {
            name: query.text("filter[name]"),
            callback_uri: query.text("filter[callbackUri]"),
            is_enabled: query.boolean("filter[isEnabled]")?,
            auto_subscribe: query.boolean("filter[autoSubscribe]")?,
        })
    }

    fn admits(&self, simulator: &Simulator) -> bool {
        let settings = simulator.outbox.webhook.settings();
        let is_enabled = settings.is_enabled();
        let callback = settings.callback.map(|uri| uri.to_string());
        let callback = callback.unwrap_or_default();
        let contains = |text: &str, part: &Option<String>| {
            part.as_ref()
                .is_none_or(|part| text.to_lowercase().contains(&part.to_lowercase()))
        };
        contains(WEBHOOK_NAME, &self.name)
            && contains(&callback, &self.callback_uri)
            && self.is_enabled.is_none_or(|wanted| wanted == is_enabled)
            && self
                .auto_subscribe
                .is_none_or(|wanted| wanted == AUTO_SUBSCRIBE)
    }

    fn pairs(&self) -> [(&str, Option<&str>); 4] {
        let word = |truth: bool| if truth { "true" } else { "false" };
        [
            ("filter[name]", self.name.as_deref()),
            ("filter[callbackUri]", self.callback_uri.as_deref()),
            ("filter[isEnabled]", self.is_enabled.map(word)),
            ("filter[autoSubscribe]", self.auto_subscribe.map(word)),
        ]
    }
}

fn resource(simulator: &Simulator) -> Value {
    let settings = simulator.outbox.webhook.settings();
    json!({
        "id": WEBHOOK,
        "type": "webhook",
        "attributes": {
            "name": WEBHOOK_NAME,
            "callbackUri": settings.callback.as_ref().map(Uri::to_string),
            "errorCallbackUri": settings.error_callback.as_ref().map(Uri::to_string),
            "isEnabled": settings.is_enabled(),
            "autoSubscribe": AUTO_SUBSCRIBE,
            "triggers": names(&settings.triggers),
            "data": names(&settings.data),
        },
        "links": { "self": simulator.webhook_link() },
        "meta": { "createdAt": CREATED_AT.iso() },
    })
}

fn names(kinds: &[Kind]) -> Vec<Value> {
    let names = |kind: &Kind| json!({ "group": kind.group, "name": kind.name, "code": kind.code });
    kinds.iter().map(names).collect()
}
