// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

/// A registry in which vaults let others act for them, with the functions, answers and logs that
/// delegate.xyz published for version 2 of theirs. For tests: who delegates what is kept by a hash.
contract DelegateRegistry {
    event DelegateAll(address indexed from, address indexed to, bytes32 rights, bool enable);
    event DelegateContract(address indexed from, address indexed to, address indexed contract_, bytes32 rights, bool enable);
    event DelegateERC721(address indexed from, address indexed to, address indexed contract_, uint256 tokenId, bytes32 rights, bool enable);
    event DelegateERC20(address indexed from, address indexed to, address indexed contract_, bytes32 rights, uint256 amount);
    event DelegateERC1155(address indexed from, address indexed to, address indexed contract_, uint256 tokenId, bytes32 rights, uint256 amount);

    enum Kind { All, Contract, ERC721, ERC20, ERC1155 }

    mapping(bytes32 => uint256) private amounts;

    function delegateAll(address to, bytes32 rights, bool enable) external {
        write(Kind.All, to, rights, address(0), 0, enable ? type(uint256).max : 0);
        emit DelegateAll(msg.sender, to, rights, enable);
    }

    function delegateContract(address to, address contract_, bytes32 rights, bool enable) external {
        write(Kind.Contract, to, rights, contract_, 0, enable ? type(uint256).max : 0);
        emit DelegateContract(msg.sender, to, contract_, rights, enable);
    }

    function delegateERC721(address to, address contract_, uint256 tokenId, bytes32 rights, bool enable) external {
        write(Kind.ERC721, to, rights, contract_, tokenId, enable ? type(uint256).max : 0);
        emit DelegateERC721(msg.sender, to, contract_, tokenId, rights, enable);
    }

    function delegateERC20(address to, address contract_, bytes32 rights, uint256 amount) external {
        write(Kind.ERC20, to, rights, contract_, 0, amount);
        emit DelegateERC20(msg.sender, to, contract_, rights, amount);
    }

    function delegateERC1155(address to, address contract_, uint256 tokenId, bytes32 rights, uint256 amount) external {
        write(Kind.ERC1155, to, rights, contract_, tokenId, amount);
        emit DelegateERC1155(msg.sender, to, contract_, tokenId, rights, amount);
    }

    function checkDelegateForContract(address to, address from, address contract_, bytes32 rights) external view returns (bool) {
        return whole(from, to, contract_, rights) > 0;
    }

    function checkDelegateForERC721(address to, address from, address contract_, uint256 tokenId, bytes32 rights) external view returns (bool) {
        return most(whole(from, to, contract_, rights), either(Kind.ERC721, from, to, contract_, tokenId, rights)) > 0;
    }

    function checkDelegateForERC20(address to, address from, address contract_, bytes32 rights) external view returns (uint256) {
        return most(whole(from, to, contract_, rights), either(Kind.ERC20, from, to, contract_, 0, rights));
    }

    function checkDelegateForERC1155(address to, address from, address contract_, uint256 tokenId, bytes32 rights) external view returns (uint256) {
        return most(whole(from, to, contract_, rights), either(Kind.ERC1155, from, to, contract_, tokenId, rights));
    }

    /// Delegated as a whole: the vault, or all of a contract.
    function whole(address from, address to, address contract_, bytes32 rights) private view returns (uint256) {
        return most(either(Kind.All, from, to, address(0), 0, rights), either(Kind.Contract, from, to, contract_, 0, rights));
    }

    /// By full rights or by these.
    function either(Kind kind, address from, address to, address contract_, uint256 id, bytes32 rights) private view returns (uint256) {
        return most(amounts[place(kind, from, to, "", contract_, id)], amounts[place(kind, from, to, rights, contract_, id)]);
    }

    function write(Kind kind, address to, bytes32 rights, address contract_, uint256 id, uint256 amount) private {
        amounts[place(kind, msg.sender, to, rights, contract_, id)] = amount;
    }

    function place(Kind kind, address from, address to, bytes32 rights, address contract_, uint256 id) private pure returns (bytes32) {
        return keccak256(abi.encode(kind, from, to, rights, contract_, id));
    }

    function most(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
