// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// A contract wallet (ERC-1271) that one key signs for; `freeze` makes it sign nothing.
contract SmartWallet {
    address public owner;
    bool public frozen;

    constructor(address owner_) {
        owner = owner_;
    }

    function freeze(bool on) external {
        frozen = on;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        (address signer, ECDSA.RecoverError error, ) = ECDSA.tryRecover(hash, signature);
        bool good = !frozen && error == ECDSA.RecoverError.NoError && signer == owner;
        return good ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}

/// Makes wallets at addresses known before (CREATE2).
contract SmartWalletFactory {
    function make(address owner, bytes32 salt) external returns (address) {
        return address(new SmartWallet{salt: salt}(owner));
    }

    function at(address owner, bytes32 salt) external view returns (address) {
        bytes memory code = abi.encodePacked(type(SmartWallet).creationCode, abi.encode(owner));
        bytes32 hash = keccak256(abi.encodePacked(bytes1(0xff), address(this), salt, keccak256(code)));
        return address(uint160(uint256(hash)));
    }
}

/// What an account may delegate to (EIP-7702): one more key signs for it.
contract Delegate {
    address public constant SESSION_KEY = 0x70997970C51812dc3A010C7d01b50e0d17dc79C8;

    function isValidSignature(bytes32 hash, bytes calldata signature) external pure returns (bytes4) {
        (address signer, ECDSA.RecoverError error, ) = ECDSA.tryRecoverCalldata(hash, signature);
        bool good = error == ECDSA.RecoverError.NoError && signer == SESSION_KEY;
        return good ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
    }
}

/// A wallet that answers what it must not: too short, nothing, or for ever.
contract RogueWallet {
    uint256 public immutable kind;

    constructor(uint256 kind_) {
        kind = kind_;
    }

    function isValidSignature(bytes32, bytes calldata) external view {
        uint256 how = kind;
        assembly {
            switch how
            case 0 { mstore(0, shl(224, 0x1626ba7e)) return(0, 4) }
            case 1 { return(0, 0) }
            case 2 { for {} 1 {} {} }
            case 3 { mstore(0, or(shl(224, 0x1626ba7e), 1)) return(0, 32) }
            default { revert(0, 0) }
        }
    }
}
