// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

/// Badges anybody may make.
contract Badge is ERC1155("") {
    function mint(address holder, uint256 id, uint256 amount) external {
        _mint(holder, id, amount, "");
    }
}
