//! Lists, and what stands in several of them.

use crate::wit::types::{PageInfo, PageRequest, UnreadableItem, VehicleAttributes};
use smartcar::{Page, Timestamp};

/// The most that Smartcar takes for a page of subscriptions. Other lists may be
/// restricted to less, and say so in their answer.
pub(crate) const LARGEST: smartcar::PageRequest = smartcar::PageRequest::of_size(100);

/// The page that is asked for.
pub(crate) fn request(page: Option<PageRequest>) -> smartcar::PageRequest {
    page.map_or_else(Default::default, |page| smartcar::PageRequest {
        number: page.number,
        size: page.size,
    })
}

/// Where a page stands in its list.
pub(crate) fn info<T>(page: &Page<T>) -> PageInfo {
    PageInfo {
        number: page.number,
        size: page.size,
        total: page.total,
        is_last: page.is_last,
    }
}

/// What of a page could not be read.
pub(crate) fn unreadable(items: Vec<smartcar::UnreadableItem>) -> Vec<UnreadableItem> {
    let tell = |item: smartcar::UnreadableItem| UnreadableItem {
        index: place(item.index),
        why: item.why,
        raw: item.raw.as_str().to_owned(),
    };
    items.into_iter().map(tell).collect()
}

/// An index as the contract has it.
pub(crate) fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

/// What Smartcar tells of a vehicle wherever it names one.
pub(crate) fn attributes(attributes: smartcar::VehicleAttributes) -> VehicleAttributes {
    let powertrain = attributes.powertrain_type;
    VehicleAttributes {
        make: attributes.make,
        model: attributes.model,
        year: attributes.year,
        powertrain: powertrain.map(|powertrain| powertrain.as_str().to_owned()),
        mode: attributes.mode.map(|mode| mode.as_str().to_owned()),
    }
}

/// A time as the contract has it.
pub(crate) fn time(time: Option<Timestamp>) -> Option<i64> {
    time.map(|time| time.0)
}
