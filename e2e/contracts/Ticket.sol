// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";

/// A ticket anybody may mint: the token that opens the gate in demo and tests.
contract Ticket is ERC721 {
    uint256 public minted;

    constructor() ERC721("StreamGate Ticket", "TICKET") {}

    /// Gives the next ticket to `holder`; ids count from 1.
    function mint(address holder) external {
        minted += 1;
        _safeMint(holder, minted);
    }
}
