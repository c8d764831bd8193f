//! Which addresses are public. Pure. Sources: IANA's registries of special-purpose addresses
//! (RFC 6890), RFC 6052 (NAT64), RFC 4291 (IPv4 inside IPv6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

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
}

/// May anybody on the internet have it?
pub fn is_public(address: IpAddr) -> bool {
    !is_metadata(address)
        && match plain(address) {
            IpAddr::V4(v4) => is_public_v4(v4),
            IpAddr::V6(v6) => is_public_v6(v6),
        }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation();
    let reserved = matches!(
        address.octets(),
        [0 | 240..=255, ..]
            | [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [192, 88, 99, _]
            | [198, 18..=19, ..]
    );
    !special && !reserved
}

/// What is given out to the public lies in 2000::/3; some of it carries other addresses or is kept
/// for protocols and books.
fn is_public_v6(address: Ipv6Addr) -> bool {
    match address.segments() {
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] => false,
        [0x3fff, 0..=0xfff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
