//! Several providers, of which some misbehave.

use std::time::Instant;

use super::*;
use crate::adapters::ethereum::proxy::{Mode, Proxy};
use crate::ports::chain::Reading;

/// A chain of three providers of which two must agree.
struct Three {
    node: Anvil,
    proxies: Vec<Proxy>,
    registry: Registry,
    ethereum: Ethereum,
    contract: String,
}

/// A provider of the set; `None` is one that is dead.
type Provider = Option<Mode>;

const HONEST: Provider = Some(Mode::Honest);
const LYING: Provider = Some(Mode::Lying);

impl Three {
    async fn new(modes: [Provider; 3]) -> Self {
        let node = Anvil::start().await;
        let [contract, _] = node.erc721(suite::HOLDER, suite::TOKEN).await;
        let (mut urls, mut proxies) = (Vec::new(), Vec::new());
        for mode in modes {
            match mode {
                None => urls.push(DEAD.to_owned()),
                Some(mode) => {
                    proxies.push(Proxy::before(&node.url, mode).await);
                    urls.push(proxies.last().unwrap().url.clone());
                }
            }
        }
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let registry = Registry::new();
        let settings = chain(&urls, 2);
        let ethereum = Ethereum::new(&[settings], Arc::new(SystemClock), &registry).unwrap();
        Self {
            node,
            proxies,
            registry,
            ethereum,
            contract,
        }
    }

    async fn read(&self, wallet: [u8; 20]) -> Result<Reading, ChainError> {
        let rule = suite::rule(&self.contract, None);
        self.ethereum.read(wallet, &rule).await
    }

    /// Asks `times` times for holder and stranger in turn; how often the answer was right, and the
    /// reasons of the refusals.
    async fn run(&self, times: usize) -> (usize, Vec<&'static str>) {
        let (mut right, mut refused) = (0, Vec::new());
        for turn in 0..times {
            let holder = turn % 2 == 0;
            let wallet = if holder {
                suite::HOLDER.evm().unwrap()
            } else {
                [0xCD; 20]
            };
            match self.read(wallet).await {
                Ok(reading) => {
                    assert_eq!(reading.holds, holder, "a wrong decision");
                    right += 1;
                }
                Err(error) => refused.push(error.reason()),
            }
        }
        (right, refused)
    }

    /// A counter of the endpoint at this place.
    fn counted(&self, family: &str, place: usize, label: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|f| f.name() == family).unwrap();
        let place = place.to_string();
        let fits = |metric: &&prometheus::proto::Metric| {
            let values: Vec<&str> = metric.get_label().iter().map(|l| l.value()).collect();
            values.contains(&place.as_str()) && values.contains(&label)
        };
        family
            .get_metric()
            .iter()
            .filter(fits)
            .map(|m| m.get_counter().get_value())
            .sum()
    }

    fn lies(&self, place: usize) -> f64 {
        self.counted("streamgate_chain_disagreements_total", place, "result")
    }
}

/// Claim gate-5: the three runs, at every place of those that misbehave.
#[tokio::test(flavor = "multi_thread")]
async fn gate_5_one_lying_one_dead_and_both() {
    const TIMES: usize = 40;
    for place in 0..3 {
        let mut modes = [HONEST; 3];
        modes[place] = LYING;
        let three = Three::new(modes).await;
        let (right, refused) = three.run(TIMES).await;
        let named: Vec<f64> = (0..3).map(|place| three.lies(place)).collect();
        println!(
            "gate-5 lying at {place}: {right} of {TIMES} right, {} refused, disagreements {named:?}",
            refused.len()
        );
        assert_eq!((right, refused.len()), (TIMES, 0));
        assert!(
            named[place] > 0.0 && named.iter().sum::<f64>() == named[place],
            "{named:?}"
        );

        let mut modes = [HONEST; 3];
        modes[place] = None;
        let three = Three::new(modes).await;
        let (right, refused) = three.run(TIMES).await;
        println!(
            "gate-5 dead at {place}: {right} of {TIMES} right, {} refused",
            refused.len()
        );
        assert_eq!((right, refused.len()), (TIMES, 0));
        assert!(three.counted("streamgate_chain_requests_total", place, "failed") > 0.0);

        for other in (0..3).filter(|other| *other != place) {
            let mut modes = [HONEST; 3];
            (modes[place], modes[other]) = (LYING, None);
            let three = Three::new(modes).await;
            let (right, refused) = three.run(TIMES).await;
            let reasons: std::collections::BTreeSet<_> = refused.iter().copied().collect();
            println!(
                "gate-5 lying at {place} and dead at {other}: {right} decided, {} refused as {reasons:?}",
                refused.len()
            );
            assert_eq!((right, refused.len()), (0, TIMES));
            assert_eq!(reasons, ["QuorumNotReached"].into());
        }
    }
}

#[tokio::test]
async fn providers_that_lag_or_boast_or_invent_blocks_do_not_decide() {
    let three = Three::new([HONEST; 3]).await;
    three.node.mine(20).await;
    for mode in [Mode::Ahead, Mode::LyingOfBlocks, Mode::Behind(0)] {
        for (place, proxy) in three.proxies.iter().enumerate() {
            proxy.set(mode);
            let (right, refused) = three.run(4).await;
            assert_eq!(
                (right, refused.len()),
                (4, 0),
                "{mode:?} at {place}: {refused:?}"
            );
            proxy.set(Mode::Honest);
        }
    }
    assert!(three.counted("streamgate_chain_disagreements_total", 0, "block") > 0.0);
    // Two that lag by different numbers of blocks agree on the older one.
    three.proxies[0].set(Mode::Behind(15));
    three.proxies[1].set(Mode::Behind(10));
    let reading = three.read(suite::HOLDER.evm().unwrap()).await.unwrap();
    assert_eq!(reading.block.number, 15);
}

#[tokio::test]
async fn a_slow_provider_costs_little_and_is_left_alone() {
    let three = Three::new([Some(Mode::Slow), HONEST, HONEST]).await;
    let begin = Instant::now();
    let (right, refused) = three.run(10).await;
    assert_eq!((right, refused.len()), (10, 0), "{refused:?}");
    let each = begin.elapsed() / 10;
    assert!(each.as_millis() < 1_500, "{each:?} for each");
}

#[tokio::test]
async fn a_provider_on_a_fork_is_outvoted_and_those_before_it_agree() {
    let three = Three::new([HONEST; 3]).await;
    // A copy that goes on by itself: the same blocks up to here, others after.
    let copy = Anvil::with(&[
        "--fork-url",
        &three.node.url,
        "--chain-id",
        &CHAIN_ID.to_string(),
    ])
    .await;
    copy.mine(3).await;
    three.node.mine(3).await;
    let urls = [three.node.url.as_str(), &copy.url, &three.node.url];
    let (registry, rule) = (Registry::new(), suite::rule(&three.contract, None));
    let make = |urls: &[&str], registry: &Registry| {
        Ethereum::new(&[chain(urls, 2)], Arc::new(SystemClock), registry).unwrap()
    };
    let outvoted = make(&urls, &registry)
        .read(suite::HOLDER.evm().unwrap(), &rule)
        .await
        .unwrap();
    assert_eq!((outvoted.holds, outvoted.block.number), (true, 4));
    // With one voice each, the last block both have decides.
    let two = make(&urls[..2], &Registry::new())
        .read(suite::HOLDER.evm().unwrap(), &rule)
        .await
        .unwrap();
    assert_eq!((two.holds, two.block.number), (true, 1));
}

#[tokio::test]
async fn the_bad_input_of_a_viewer_opens_no_breaker_and_a_dead_provider_comes_back() {
    let three = Three::new([HONEST; 3]).await;
    let nothing = suite::rule(&format!("0x{}", "73".repeat(20)), None);
    let unknown_token = suite::rule(&three.contract, Some("424242"));
    for _ in 0..10 {
        let error = three.ethereum.read([0xCD; 20], &nothing).await.unwrap_err();
        assert!(
            matches!(error, ChainError::Unanswerable { .. }),
            "{error:?}"
        );
        assert!(
            !three
                .ethereum
                .read([0xCD; 20], &unknown_token)
                .await
                .unwrap()
                .holds
        );
    }
    assert_eq!(three.run(4).await.0, 4);

    for proxy in &three.proxies {
        proxy.set(Mode::Garbage);
    }
    for _ in 0..4 {
        let error = three.read(suite::HOLDER.evm().unwrap()).await.unwrap_err();
        assert!(matches!(error, ChainError::Unavailable { .. }), "{error:?}");
    }
    for proxy in &three.proxies {
        proxy.set(Mode::Honest);
    }
    let refused = three.read(suite::HOLDER.evm().unwrap()).await;
    assert!(refused.is_err(), "left alone for a while");
    tokio::time::sleep(std::time::Duration::from_millis(5_100)).await;
    assert!(
        three
            .read(suite::HOLDER.evm().unwrap())
            .await
            .unwrap()
            .holds
    );
}
