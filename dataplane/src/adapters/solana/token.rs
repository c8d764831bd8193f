//! Accounts of tokens as the token programs keep them. Pure.
//! Source: SPL Token and Token-2022, state `Account` (the first 165 bytes are the same in both).

/// The token program.
pub const TOKEN: &str = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA";
/// Token-2022.
pub const TOKEN_2022: &str = "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb";

/// Bytes at the beginning of an account that are looked at: up to its state.
pub const LOOKED_AT: usize = 109;

/// What an account holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Of which mint.
    pub mint: [u8; 32],
    /// Whose it is.
    pub owner: [u8; 32],
    /// How much, in the smallest unit.
    pub amount: u64,
}

/// Reads the beginning of an account; `None` when it is none that is in use.
pub fn read(data: &[u8]) -> Option<Holding> {
    const STATE: usize = LOOKED_AT - 1;
    // 0 is not begun, 1 in use, 2 frozen: what is frozen is held all the same.
    if !matches!(data.get(STATE)?, 1 | 2) {
        return None;
    }
    Some(Holding {
        mint: data.get(..32)?.try_into().ok()?,
        owner: data.get(32..64)?.try_into().ok()?,
        amount: u64::from_le_bytes(data.get(64..72)?.try_into().ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_in_use_is_read_and_nothing_else_is_one() {
        let mut data = [[1; 32], [2; 32], [0; 32]].concat();
        data[64..72].copy_from_slice(&500u64.to_le_bytes());
        data.resize(LOOKED_AT, 0);
        assert_eq!(read(&data), None, "not begun");
        for state in [1, 2] {
            data[LOOKED_AT - 1] = state;
            let (mint, owner, amount) = ([1; 32], [2; 32], 500);
            let expected = Holding {
                mint,
                owner,
                amount,
            };
            assert_eq!(read(&data), Some(expected));
        }
        assert_eq!(read(&data[..LOOKED_AT - 1]), None);
    }
}
