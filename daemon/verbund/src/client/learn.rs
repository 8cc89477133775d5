//! Learns the federation's other sites, for the time when the pinned one does not answer.

use std::sync::Arc;
use std::time::Duration;

use ::http::Method;
use verbund_api::wire::ResourceList;
use verbund_api::{MAX_LIMIT, VERBUND_INDEX};
use verbund_identity::TrustDomain;
use verbund_model::resource::{Federation, Node, NodeStanding, Site, Standing};
use verbund_model::view::{Kind, Resource};
use verbund_tls::Pin;

use super::read::escape;
use super::{Client, Http, Routes, now};
use crate::cmd::from_resource;
use crate::context::{API_NETWORK, Contexts, Learned, OtherSite};
use crate::failure::Failure;

/// How long it may take: it comes after what the user asked for.
const BOUND: Duration = Duration::from_secs(2);

impl Client {
    /// Reads anew who the other sites are, if that is due, and keeps it in the context's file: at once when the pinned site
    /// told that its directory of sites and nodes changed. Only while the pinned site itself knows of a majority, and only from it: a site that was learned vouches for nobody. A failure is none:
    /// what was known stays.
    pub async fn keep_learning(&self) {
        let known = self.context.learned.as_ref();
        let changed = |learned: &Learned| self.routes.directory() > learned.index;
        let due = known.is_none_or(|learned| learned.is_due(now()) || changed(learned));
        if !due || !self.routes.is_proven() {
            return;
        }
        let Ok(Ok(learned)) = tokio::time::timeout(BOUND, self.learn()).await else { return };
        // Another process may have replaced or removed the context meanwhile, or the file may not be writable.
        let _ = Contexts::change(&self.paths.contexts(), |contexts| {
            if let Some(context) = contexts.contexts.get_mut(&self.name) {
                context.learn(&self.context, learned);
            }
            Ok(())
        });
    }

    async fn learn(&self) -> Result<Learned, Failure> {
        let identity = self.kept()?.ok_or_else(|| Failure::internal(""))?;
        let http = Http::new(Arc::new(Routes::pinned(&self.context)), Some(identity));
        let (federations, index) = all(&http, Kind::Federation).await?;
        let federation: Federation = from_resource(federations.first().ok_or_else(|| Failure::internal(""))?)?;
        let (sites, _) = all(&http, Kind::Site).await?;
        let (nodes, _) = all(&http, Kind::Node).await?;
        let nodes = nodes.iter().map(from_resource).collect::<Result<Vec<Node>, Failure>>()?;
        let mut others = Vec::new();
        for resource in &sites {
            let site: Site = from_resource(resource)?;
            let pins = site.anchors.iter().map(|anchor| Ok(Pin::of_certificate(&anchor.0)?.0));
            let pins = pins.collect::<Result<std::collections::BTreeSet<_>, Failure>>()?;
            if pins.contains(&self.context.pin) || site.standing == Standing::Excluded {
                continue;
            }
            let of_site = nodes.iter().filter(|n| n.site == site.name && n.standing == NodeStanding::Active);
            let addresses = of_site.flat_map(|node| &node.addresses).filter(|a| a.network == API_NETWORK);
            let addresses = addresses.cloned().collect();
            let trust_domain = TrustDomain { site: site.name, federation: federation.name.clone() };
            others.push(OtherSite { trust_domain, pins, addresses });
        }
        Ok(Learned { index, time: now(), sites: others })
    }
}

/// All resources of a kind, linearizable, and the index of the first page.
async fn all(http: &Http, kind: Kind) -> Result<(Vec<Resource>, u64), Failure> {
    let (mut items, mut next, mut first) = (Vec::new(), String::new(), None);
    loop {
        let path = format!("/v1/{}?consistency=linearizable&limit={MAX_LIMIT}{next}", kind.plural());
        let (headers, page) = http.json::<ResourceList>(Method::GET, &path, None).await?;
        let index = headers.get(VERBUND_INDEX).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
        let index = *first.get_or_insert(index.unwrap_or(page.metadata.index));
        for item in page.items {
            items.push(serde_json::from_value(item)?);
        }
        match page.metadata.next {
            Some(token) => next = format!("&continue={}", escape(&token)),
            None => return Ok((items, index)),
        }
    }
}
