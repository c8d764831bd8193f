//! Proofs that a wallet is on a list of which only the root of the Merkle tree is known. Pure.
//! Source: OpenZeppelin's StandardMerkleTree over `address`: leaves hashed twice, so that no inner
//! node passes for a leaf, and pairs in ascending order.

use alloy_primitives::{Address, B256, keccak256};

/// Longest proof: a list of 2^40 wallets.
const MAX_NODES: usize = 40;

/// The root that `proof` leads to from a wallet, as rules write it: lower case.
pub fn root(address: [u8; 20], proof: &[B256]) -> Option<String> {
    if proof.len() > MAX_NODES {
        return None;
    }
    let leaf = keccak256(keccak256(Address::from(address).into_word()));
    let root = proof.iter().fold(leaf, |node, other| pair(node, *other));
    Some(root.to_string())
}

fn pair(a: B256, b: B256) -> B256 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    keccak256([low.0, high.0].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Root and proofs of a list, built level by level.
    fn tree(wallets: &[[u8; 20]]) -> (B256, Vec<Vec<B256>>) {
        let leaf = |w: &[u8; 20]| keccak256(keccak256(Address::from(*w).into_word()));
        let mut level: Vec<B256> = wallets.iter().map(leaf).collect();
        let mut places: Vec<usize> = (0..wallets.len()).collect();
        let mut proofs = vec![Vec::new(); wallets.len()];
        while level.len() > 1 {
            for (place, proof) in places.iter_mut().zip(&mut proofs) {
                proof.extend(level.get(*place ^ 1));
                *place /= 2;
            }
            level = level
                .chunks(2)
                .map(|c| c.get(1).map_or(c[0], |other| pair(c[0], *other)))
                .collect();
        }
        (level[0], proofs)
    }

    #[test]
    fn a_proof_leads_from_its_wallet_to_the_root_and_from_no_other() {
        let wallets: Vec<[u8; 20]> = (0..7).map(|n| [n; 20]).collect();
        let (expected, proofs) = tree(&wallets);
        let expected = Some(expected.to_string());
        for (wallet, proof) in wallets.iter().zip(&proofs) {
            assert_eq!(root(*wallet, proof), expected);
            assert_ne!(root([9; 20], proof), expected);
            assert_ne!(root(*wallet, &proof[1..]), expected);
        }
        assert_eq!(root([0; 20], &vec![B256::ZERO; 41]), None);
    }
}
