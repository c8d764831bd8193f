// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// A currency anybody may make.
contract Coin is ERC20("StreamGate Coin", "COIN") {
    function mint(address holder, uint256 amount) external {
        _mint(holder, amount);
    }
}
