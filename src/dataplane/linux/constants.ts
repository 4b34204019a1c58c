/** Numbers of the kernel's headers (linux/netlink.h, rtnetlink.h, if_link.h, neighbour.h, filter.h), under their names there. */

export const AF_UNSPEC = 0
export const AF_INET = 2
export const AF_BRIDGE = 7
export const AF_INET6 = 10
export const AF_NETLINK = 16

export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const MSG_DONTWAIT = 0x40
export const MSG_TRUNC = 0x20

export const SOL_SOCKET = 1
export const SO_RCVBUF = 8
export const SO_ATTACH_FILTER = 26
export const SO_DETACH_FILTER = 27
export const SO_SNDBUFFORCE = 32
export const SO_RCVBUFFORCE = 33

export const NETLINK_ROUTE = 0
export const SOL_NETLINK = 270
export const NETLINK_ADD_MEMBERSHIP = 1
export const NETLINK_CAP_ACK = 10
export const NETLINK_EXT_ACK = 11
export const NETLINK_GET_STRICT_CHK = 12

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3
export const NLMSG_HDRLEN = 16
export const NLMSGERR_ATTR_MSG = 1

export const NLM_F_REQUEST = 0x01
export const NLM_F_ACK = 0x04
export const NLM_F_DUMP_INTR = 0x10
export const NLM_F_ACK_TLVS = 0x200
/** Of requests that create. */
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
/** Of requests that get. */
export const NLM_F_DUMP = 0x300

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19
export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30

export const RTNLGRP_LINK = 1
export const RTNLGRP_NEIGH = 3

export const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff

export const IFINFOMSG_LENGTH = 16
export const IFF_UP = 1
export const IFLA_ADDRESS = 1
export const IFLA_IFNAME = 3
export const IFLA_MTU = 4
export const IFLA_MASTER = 10
export const IFLA_PROTINFO = 12
export const IFLA_LINKINFO = 18
export const IFLA_IFALIAS = 20
export const IFALIASZ = 256
export const IFLA_EXT_MASK = 29
export const RTEXT_FILTER_SKIP_STATS = 8
export const IFLA_INFO_KIND = 1
export const IFLA_INFO_DATA = 2
export const IFLA_INFO_SLAVE_KIND = 4
export const IFLA_INFO_SLAVE_DATA = 5
export const IFLA_BR_FORWARD_DELAY = 1
export const IFLA_BR_STP_STATE = 5
export const IFLA_BRPORT_LEARNING = 8
export const IFLA_BRPORT_NEIGH_SUPPRESS = 32
export const IFLA_VXLAN_ID = 1
export const IFLA_VXLAN_LOCAL = 4
export const IFLA_VXLAN_TTL = 5
export const IFLA_VXLAN_LEARNING = 7
export const IFLA_VXLAN_PORT = 15
export const IFLA_VXLAN_LOCAL6 = 17

export const NDMSG_LENGTH = 12
export const NUD_REACHABLE = 0x02
export const NUD_NOARP = 0x40
export const NTF_SELF = 0x02
export const NTF_MASTER = 0x04
export const NTF_PROXY = 0x08
export const NTF_EXT_LEARNED = 0x10
export const NTF_ROUTER = 0x80
export const NDA_DST = 1
export const NDA_LLADDR = 2
export const NDA_VLAN = 5
export const NDA_VNI = 7
export const NDA_IFINDEX = 8
export const NDA_MASTER = 9

export const ENOENT = 2
export const ENOBUFS = 105
export const EAGAIN = 11
export const ENODEV = 19
export const EOPNOTSUPP = 95
