//! Which addresses may be dialled. Pure. Sources: RFC 6052 (NAT64), RFC 4291 (IPv4 inside IPv6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::validation::url;

/// Where clouds tell machines their secrets: never dialled, whatever is listed.
const METADATA: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The address that is reached: the IPv4 one inside a mapped one or one of NAT64.
pub fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

/// Does a cloud's metadata service listen there?
pub fn is_metadata(address: IpAddr) -> bool {
    METADATA.contains(&plain(address))
        || tunnelled(address).is_some_and(|v4| METADATA.contains(&v4))
}

/// The IPv4 address that a relay of 6to4 would lead to. Source: RFC 3056.
fn tunnelled(address: IpAddr) -> Option<IpAddr> {
    let IpAddr::V6(v6) = address else {
        return None;
    };
    match v6.octets() {
        [0x20, 0x02, a, b, c, d, ..] => Some(IpAddr::V4(Ipv4Addr::new(a, b, c, d))),
        _ => None,
    }
}

/// May anybody on the internet have it?
pub fn is_public(address: IpAddr) -> bool {
    !is_metadata(address) && url::is_public(address)
}
