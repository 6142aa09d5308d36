//! `GET /metrics`: the counters in the OpenMetrics text format.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::api::error::ApiError;
use crate::api::status;
use crate::daemon::Daemon;
use crate::view::{LinkView, StatusView};

/// Answers with all numbers of the status.
pub(crate) async fn metrics(State(daemon): State<Arc<Daemon>>) -> Result<Response, ApiError> {
    let axum::Json(view) = status::status(State(daemon)).await?;
    let mut registry = Registry::with_prefix("kimchi_peers");
    registry.register_collector(Box::new(Collector(view)));
    let mut body = String::new();
    // Writing to a string cannot fail.
    let _ = text::encode(&mut body, &registry);
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

#[derive(Debug)]
struct Collector(StatusView);

impl prometheus_client::collector::Collector for Collector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let view = &self.0;
        let datagrams = &view.datagrams;
        counters(&mut encoder, "datagrams_received", "Datagrams taken", "kind", &datagrams.received)?;
        counters(&mut encoder, "datagrams_sent", "Datagrams sent", "kind", &datagrams.sent)?;
        counters(&mut encoder, "datagrams_dropped", "Datagrams dropped", "cause", &datagrams.dropped)?;
        let help = "Datagrams that a budget of verification did not allow";
        counters(&mut encoder, "over_budget", help, "budget", &datagrams.over_budget)?;
        counters(&mut encoder, "rows_evicted", "Rows that made room for others", "what", &view.trust.evicted)?;
        let single = [
            ("datagrams_own", "Own datagrams heard back", datagrams.own),
            ("datagrams_kernel_dropped", "Datagrams the kernel dropped for want of room", datagrams.kernel_dropped),
            ("datagrams_skipped", "Multicast skipped because this host could not keep up", datagrams.skipped),
            ("signatures_verified", "Signatures that were verified, right or wrong", datagrams.verified),
            ("send_errors", "Datagrams that could not be sent", datagrams.send_errors),
            ("datagrams_unreachable", "Datagrams answered by ICMP port unreachable", datagrams.unreachable),
            ("sent_bytes", "Bytes of datagrams sent", datagrams.sent_bytes),
            ("store_commits", "Transactions of the store", view.store.commits),
            ("store_failed_commits", "Transactions of the store that failed", view.store.failed_commits),
        ];
        for (name, help, value) in single {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)?;
        }
        peers(&mut encoder, &view.peers)?;
        let of_trust = &view.trust;
        gauges(&mut encoder, "peers_by_trust", "Local peers by what they proved", "trust", &of_trust.peers)?;
        let help = "Rows that are not known yet to be there to stay";
        gauges(&mut encoder, "peers_unproven", help, "kind", &of_trust.unproven)?;
        let help = "Peers by what their consoles showed";
        gauges(&mut encoder, "peers_by_certificate", help, "state", &of_trust.certificates)?;
        gauges(&mut encoder, "limit", "Most rows by sort, and verifications a second", "of", &of_trust.limits)?;
        links(&mut encoder, &view.links)?;
        let gauges = [
            ("links", "Links in use", view.links.len() as u64),
            ("degraded", "Things that do not work", view.degraded.len() as u64),
            ("store_pending", "Changes that wait for the store", view.store.pending),
            ("store_database_bytes", "Size of the database", view.store.database_bytes),
        ];
        for (name, help, value) in gauges {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)?;
        }
        Ok(())
    }
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    values: &BTreeMap<String, u64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, ConstCounter::new(0_u64).metric_type())?;
    for (key, value) in values {
        ConstCounter::new(*value).encode(family.encode_family(&[(label, key.as_str())])?)?;
    }
    Ok(())
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &'static str,
    values: &BTreeMap<String, u64>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, ConstGauge::new(0_i64).metric_type())?;
    for (key, value) in values {
        let gauge = ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX));
        gauge.encode(family.encode_family(&[(label, key.as_str())])?)?;
    }
    Ok(())
}

fn peers(encoder: &mut DescriptorEncoder<'_>, peers: &BTreeMap<String, u64>) -> fmt::Result {
    let mut family =
        encoder.encode_descriptor("peers", "Peers by origin and state", None, ConstGauge::new(0_i64).metric_type())?;
    for (key, value) in peers {
        let (origin, state) = key.split_once('_').unwrap_or((key, ""));
        let gauge = ConstGauge::new(i64::try_from(*value).unwrap_or(i64::MAX));
        gauge.encode(family.encode_family(&[("origin", origin), ("state", state)])?)?;
    }
    Ok(())
}

fn links(encoder: &mut DescriptorEncoder<'_>, links: &[LinkView]) -> fmt::Result {
    let of_ratio = ConstGauge::new(0.0_f64).metric_type();
    let mut family = encoder.encode_descriptor("link_loss_ratio", "Datagrams lost one way", None, of_ratio)?;
    for (name, loss) in links.iter().filter_map(|link| Some((link.name.as_str(), link.loss?))) {
        ConstGauge::new(loss).encode(family.encode_family(&[("interface", name)])?)?;
    }
    let of_flag = ConstGauge::new(0_i64).metric_type();
    let help = "1 where nobody is heard although peers are listed";
    let mut family = encoder.encode_descriptor("link_isolated", help, None, of_flag)?;
    for link in links {
        let gauge = ConstGauge::new(i64::from(link.isolated));
        gauge.encode(family.encode_family(&[("interface", link.name.as_str())])?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::status::tests::sample;

    #[test]
    fn what_bounds_a_flood_is_counted() {
        let mut registry = Registry::with_prefix("kimchi_peers");
        registry.register_collector(Box::new(Collector(sample())));
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        for line in [
            "kimchi_peers_over_budget_total{budget=\"strangers\"} 5",
            "kimchi_peers_rows_evicted_total{what=\"unproven\"} 2",
            "kimchi_peers_limit{of=\"unproven_base\"} 256",
            "kimchi_peers_peers_unproven{kind=\"base\"} 1",
            "kimchi_peers_peers_by_certificate{state=\"changed\"} 1",
            "kimchi_peers_signatures_verified_total 40",
            "kimchi_peers_datagrams_kernel_dropped_total 0",
            "kimchi_peers_datagrams_skipped_total 0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
    }

    #[test]
    fn a_link_tells_its_health_as_far_as_it_is_measured() {
        let link = |name: &str, loss: Option<f64>, isolated: bool| LinkView {
            name: name.to_owned(),
            address: None,
            heard_self: None,
            loss,
            isolated,
        };
        let links = vec![link("eth0", Some(0.25), false), link("eth1", None, true)];
        let mut registry = Registry::with_prefix("kimchi_peers");
        registry.register_collector(Box::new(Collector(StatusView { links, ..sample() })));
        let mut text = String::new();
        text::encode(&mut text, &registry).unwrap();
        for line in [
            "kimchi_peers_link_loss_ratio{interface=\"eth0\"} 0.25",
            "kimchi_peers_link_isolated{interface=\"eth0\"} 0",
            "kimchi_peers_link_isolated{interface=\"eth1\"} 1",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}: {text}");
        }
        assert!(!text.contains("kimchi_peers_link_loss_ratio{interface=\"eth1\"}"), "{text}");
    }
}
