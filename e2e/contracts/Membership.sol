// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Says what it was told of members; asking for nobody is an error.
contract Membership {
    mapping(address => mapping(uint8 => uint256)) private until;

    function join(address member, uint8 level, uint256 end) external {
        until[member][level] = end;
    }

    function isMember(address member, uint8 level) external view returns (bool) {
        require(member != address(0), "nobody");
        return until[member][level] > block.timestamp;
    }

    function memberUntil(address member, uint8 level) external view returns (uint256) {
        return until[member][level];
    }

    function broken(address) external pure returns (bool) {
        assembly {
            invalid()
        }
    }
}
