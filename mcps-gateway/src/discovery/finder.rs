//! The index of all tools that somebody may call, and who sees what of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mcps_core::clock::Timestamp;
use mcps_core::json::Document;
use mcps_core::level::TrustLevel;

use super::index::{Index, Mask, Subject};
use crate::call::{Caller, Principal};
use crate::catalogue::{Catalogue, Stocked};
use crate::config::Config;
use crate::judge::Sets;

/// Callers whose masks are kept.
const MAX_SIGHTS: usize = 4096;
/// How long a mask is kept where nothing has changed but the time, by which rules may go. What is
/// found is judged anew all the same.
const KEPT: Duration = Duration::from_secs(30);

/// What decides about what somebody sees.
#[derive(Clone)]
pub(crate) struct Ground {
    pub(crate) config: Arc<Config>,
    pub(crate) sets: Arc<Sets>,
    /// How often anything was promoted or held by others than this gateway's operators.
    pub(crate) rulings: u64,
    pub(crate) now: Timestamp,
}

/// Finds tools.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    stock: Mutex<Option<Arc<Stock>>>,
    sights: Mutex<HashMap<Who, Sight>>,
}

/// The tools as they were at one time.
#[derive(Debug)]
pub(crate) struct Stock {
    generation: u64,
    tools: Vec<Stocked>,
    index: Index,
}

/// Whoever sees the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Who {
    tenant: String,
    principal: Option<Principal>,
    levels: Option<[TrustLevel; 3]>,
}

#[derive(Debug)]
struct Sight {
    stock: Arc<Stock>,
    config: Arc<Config>,
    sets: Arc<Sets>,
    rulings: u64,
    since: Timestamp,
    mask: Arc<Mask>,
}

impl Finder {
    /// The tools that fit a query, best first: more than `limit`, since whoever asks judges each of
    /// them again.
    pub(crate) fn find(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        ground: &Ground,
        (query, limit): (&str, usize),
        sees: impl Fn(&Stocked) -> bool,
    ) -> Vec<Stocked> {
        let stock = self.stock(catalogue);
        let mask = self.mask(&stock, caller, ground, sees);
        let hits = stock.index.search(query, &mask, limit.saturating_mul(4));
        let tools = hits.iter().filter_map(|hit| {
            let place = usize::try_from(hit.tool).ok()?;
            stock.tools.get(place).cloned()
        });
        tools.collect()
    }

    /// The index of what there is; one makes it, and all others wait for that.
    fn stock(&self, catalogue: &Catalogue) -> Arc<Stock> {
        let mut held = self.stock.lock().unwrap_or_else(PoisonError::into_inner);
        let generation = catalogue.generation();
        if let Some(stock) = held.as_ref().filter(|stock| stock.generation == generation) {
            return Arc::clone(stock);
        }
        let (generation, tools) = catalogue.stock();
        let definition = |tool: &Stocked| Document::parse(tool.text.as_bytes().to_vec()).ok();
        // Only what can be read was learned.
        let read = tools.into_iter();
        let read = read.filter_map(|tool| Some((definition(&tool)?, tool)));
        let (documents, tools): (Vec<Document>, Vec<Stocked>) = read.unzip();
        let subjects = documents.iter().zip(&tools);
        let index = Index::new(subjects.map(|(document, tool)| Subject {
            server: &tool.server,
            definition: document.root(),
        }));
        let stock = Arc::new(Stock {
            generation,
            tools,
            index,
        });
        *held = Some(Arc::clone(&stock));
        stock
    }

    fn mask(
        &self,
        stock: &Arc<Stock>,
        caller: &Caller,
        ground: &Ground,
        sees: impl Fn(&Stocked) -> bool,
    ) -> Arc<Mask> {
        let who = Who {
            tenant: caller.tenant.clone(),
            principal: caller.principal.clone(),
            levels: caller
                .trust
                .map(|trust| [trust.passport, trust.cap, trust.channel]),
        };
        let holds = |sight: &Sight| {
            Arc::ptr_eq(&sight.stock, stock)
                && Arc::ptr_eq(&sight.config, &ground.config)
                && Arc::ptr_eq(&sight.sets, &ground.sets)
                && sight.rulings == ground.rulings
                && ground.now >= sight.since
                && ground.now < sight.since.plus(KEPT)
        };
        {
            let sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(sight) = sights.get(&who).filter(|sight| holds(sight)) {
                return Arc::clone(&sight.mask);
            }
        }
        let mask = stock.index.mask(|tool| {
            let place = usize::try_from(tool).ok();
            let tool = place.and_then(|place| stock.tools.get(place));
            tool.is_some_and(&sees)
        });
        let mask = Arc::new(mask);
        let mut sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing of before is of use to anybody, and it would keep all of that.
        sights.retain(|_, sight| holds(sight));
        if sights.len() < MAX_SIGHTS {
            let sight = Sight {
                stock: Arc::clone(stock),
                config: Arc::clone(&ground.config),
                sets: Arc::clone(&ground.sets),
                rulings: ground.rulings,
                since: ground.now,
                mask: Arc::clone(&mask),
            };
            sights.insert(who, sight);
        }
        mask
    }
}
