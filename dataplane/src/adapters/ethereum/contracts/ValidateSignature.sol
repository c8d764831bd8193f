// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// Asks a wallet that may not be deployed yet whether a signature is its own (EIP-6492), in a call
/// that deploys nothing for good: this code is the call's input, and what its constructor returns
/// is the answer, one byte: 1 is yes.
///
/// The wallet is asked first. If that is no yes, `factory` is called with `prepare`, which deploys
/// the wallet or makes it ready, and the wallet is asked again.
contract ValidateSignature {
    constructor(address wallet, bytes32 hash, bytes memory signature, address factory, bytes memory prepare) {
        bool good = signs(wallet, hash, signature);
        if (!good) {
            (bool made, ) = factory.call(prepare);
            good = made && signs(wallet, hash, signature);
        }
        assembly {
            mstore8(0, good)
            return(0, 1)
        }
    }

    function signs(address wallet, bytes32 hash, bytes memory signature) private view returns (bool) {
        if (wallet.code.length == 0) return false;
        bytes memory question = abi.encodeWithSelector(0x1626ba7e, hash, signature);
        bool answered;
        uint256 size;
        bytes32 answer;
        assembly {
            answered := staticcall(gas(), wallet, add(question, 32), mload(question), 0, 32)
            size := returndatasize()
            answer := mload(0)
        }
        // The whole word, so that no other answer passes for it.
        return answered && size == 32 && answer == bytes32(bytes4(0x1626ba7e));
    }
}
