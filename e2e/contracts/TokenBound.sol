// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC6551Registry} from "erc6551/ERC6551Registry.sol";
import {ERC6551Account} from "erc6551/examples/simple/ERC6551Account.sol";

/// The standard's own registry of token-bound accounts.
contract TokenBoundRegistry is ERC6551Registry {}

/// The standard's own account: whoever holds its token acts by it.
contract TokenBoundAccount is ERC6551Account {}
