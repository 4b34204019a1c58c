/** Numbers of the kernel's headers (linux/netlink.h, rtnetlink.h, pkt_cls.h, pkt_sched.h, tc_act/tc_gact.h, fib_rules.h, if_addr.h, genetlink.h, fou.h, neighbour.h, mpls.h, lwtunnel.h, nexthop.h, filter.h), under their names there. */

export * from './link-constants.ts'

export const AF_UNSPEC = 0
export const AF_INET = 2
export const AF_BRIDGE = 7
export const AF_INET6 = 10
export const AF_NETLINK = 16
export const AF_MPLS = 28

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
export const SO_ATTACH_BPF = 50

export const NETLINK_ROUTE = 0
export const NETLINK_GENERIC = 16
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
/** For requests that create. */
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
/** For requests that get. */
export const NLM_F_DUMP = 0x300

export const RTM_NEWLINK = 16
export const RTM_DELLINK = 17
export const RTM_GETLINK = 18
export const RTM_SETLINK = 19
export const RTM_NEWADDR = 20
export const RTM_DELADDR = 21
export const RTM_GETADDR = 22
export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26
export const RTM_NEWNEIGH = 28
export const RTM_DELNEIGH = 29
export const RTM_GETNEIGH = 30
export const RTM_NEWRULE = 32
export const RTM_DELRULE = 33
export const RTM_GETRULE = 34
export const RTM_NEWQDISC = 36
export const RTM_DELQDISC = 37
export const RTM_NEWTFILTER = 44
export const RTM_DELTFILTER = 45
export const RTM_GETTFILTER = 46
export const RTM_GETNEIGHTBL = 66
export const RTM_NEWNETCONF = 80
export const RTM_NEWNEXTHOP = 104
export const RTM_DELNEXTHOP = 105
export const RTM_GETNEXTHOP = 106

export const RTNLGRP_LINK = 1
export const RTNLGRP_NEIGH = 3
export const RTNLGRP_TC = 4
export const RTNLGRP_IPV4_IFADDR = 5
export const RTNLGRP_IPV4_ROUTE = 7
export const RTNLGRP_IPV4_RULE = 8
export const RTNLGRP_IPV6_IFADDR = 9
export const RTNLGRP_IPV6_ROUTE = 11
export const RTNLGRP_IPV6_RULE = 19
export const RTNLGRP_IPV4_NETCONF = 24
export const RTNLGRP_IPV6_NETCONF = 25
export const RTNLGRP_MPLS_ROUTE = 27
export const RTNLGRP_MPLS_NETCONF = 29
export const RTNLGRP_NEXTHOP = 32

export const NLA_F_NESTED = 0x8000
export const NLA_TYPE_MASK = 0x3fff

export const GENL_HDRLEN = 4
export const GENL_ID_CTRL = 16
export const CTRL_CMD_GETFAMILY = 3
export const CTRL_ATTR_FAMILY_ID = 1
export const CTRL_ATTR_FAMILY_NAME = 2
export const FOU_CMD_ADD = 1
export const FOU_CMD_DEL = 2
export const FOU_CMD_GET = 3
export const FOU_ATTR_PORT = 1
export const FOU_ATTR_AF = 2
export const FOU_ATTR_IPPROTO = 3
export const FOU_ATTR_TYPE = 4
export const FOU_ATTR_LOCAL_V4 = 6
export const FOU_ATTR_LOCAL_V6 = 7
export const FOU_ENCAP_DIRECT = 1

/** Marks owned addresses, proxies and routes; bagpipe-bgp marks its routes by the same number. */
export const PROTOCOL = 19
/** Of owned routes, so that owned and external routes to one prefix coexist; it marks owned addresses, too. */
export const METRIC = 20
/** Of `unreachable` default routes, behind any other route (Documentation/networking/vrf.rst). */
export const WORST_METRIC = 4278198272

export const IFADDRMSG_LENGTH = 8
export const IFA_ADDRESS = 1
export const IFA_LOCAL = 2
export const IFA_BROADCAST = 4
export const IFA_FLAGS = 8
export const IFA_RT_PRIORITY = 9
export const IFA_PROTO = 11
/** Of IPv6 addresses; of IPv4 ones it means another thing. */
export const IFA_F_TEMPORARY = 0x01
export const IFA_F_NODAD = 0x02
export const IFA_F_DADFAILED = 0x08
export const IFA_F_PERMANENT = 0x80
/** Of addresses that the kernel makes of router advertisements: it makes temporary ones beside them, where these are turned on. */
export const IFA_F_MANAGETEMPADDR = 0x100
export const IFA_F_NOPREFIXROUTE = 0x200

export const RTMSG_LENGTH = 12
export const RTM_F_CLONED = 0x200
export const RTM_F_FIB_MATCH = 0x2000
export const RT_TABLE_UNSPEC = 0
export const RT_TABLE_MAIN = 254
export const RT_TABLE_LOCAL = 255
export const RT_SCOPE_UNIVERSE = 0
export const RT_SCOPE_LINK = 253
export const RT_SCOPE_NOWHERE = 255
export const RTPROT_REDIRECT = 1
export const RTPROT_KERNEL = 2
/** Of routes that a router advertised. */
export const RTPROT_RA = 9
export const RTN_UNICAST = 1
export const RTN_LOCAL = 2
export const RTN_MULTICAST = 5
export const RTN_UNREACHABLE = 7
export const RTA_DST = 1
export const RTA_SRC = 2
export const RTA_OIF = 4
export const RTA_GATEWAY = 5
export const RTA_PRIORITY = 6
export const RTA_MULTIPATH = 9
export const RTA_TABLE = 15
export const RTA_VIA = 18
export const RTA_NEWDST = 19
export const RTA_ENCAP_TYPE = 21
export const RTA_ENCAP = 22
export const RTA_NH_ID = 30
export const RTNEXTHOP_LENGTH = 8
export const RTNH_F_ONLINK = 4
export const LWTUNNEL_ENCAP_MPLS = 1
export const MPLS_IPTUNNEL_DST = 1
export const LABEL_BITS = 20
export const BOTTOM_OF_STACK = 0x100

export const NHMSG_LENGTH = 8
export const NHA_ID = 1
export const NHA_GROUP = 2
export const NHA_GROUP_TYPE = 3
export const NHA_BLACKHOLE = 4
export const NHA_OIF = 5
export const NHA_GATEWAY = 6
export const NHA_ENCAP_TYPE = 7
export const NHA_ENCAP = 8
export const NHA_RES_GROUP = 12
export const NHA_RES_GROUP_BUCKETS = 1
export const NHA_RES_GROUP_IDLE_TIMER = 2
export const NHA_RES_GROUP_UNBALANCED_TIMER = 3
export const NEXTHOP_GRP_LENGTH = 8
export const NEXTHOP_GRP_TYPE_MPATH = 0
export const NEXTHOP_GRP_TYPE_RES = 1
/** The first id and the number of ids of owned nexthops and groups; daemons that count from 1 do not reach it. */
export const FIRST_NEXTHOP = 0x13_00_00_00
export const NEXTHOPS = 0x1_00_00_00
/** One second in the timers of a group. */
export const USER_HZ = 100

export const FIB_RULE_HDR_LENGTH = 12
export const FR_ACT_TO_TBL = 1
export const FRA_IIFNAME = 3
export const FRA_PRIORITY = 6
export const FRA_TABLE = 15
export const FRA_OIFNAME = 17
export const FRA_L3MDEV = 19
export const FRA_PROTOCOL = 21

export const TCMSG_LENGTH = 20
export const TC_H_CLSACT = 0xfffffff1
/** The handle of a clsact qdisc, and the parent of its ingress filters. */
export const CLSACT_HANDLE = 0xffff0000
export const CLSACT_INGRESS = 0xfffffff2
export const TCA_KIND = 1
export const TCA_OPTIONS = 2
export const TCA_MATCHALL_ACT = 2
export const TCA_ACT_KIND = 1
export const TCA_ACT_OPTIONS = 2
export const TCA_GACT_PARMS = 2
export const TC_ACT_SHOT = 2
export const TCA_BPF_FD = 6
export const TCA_BPF_NAME = 7
export const TCA_BPF_FLAGS = 8
export const TCA_BPF_FLAG_ACT_DIRECT = 1
export const ETH_P_ALL = 3

export const NETCONFMSG_LENGTH = 4
export const NETCONFA_IFINDEX = 1

export const NDTMSG_LENGTH = 4
export const NDTA_THRESH3 = 4
export const NDTA_STATS = 7

export const NDMSG_LENGTH = 12
export const NUD_REACHABLE = 0x02
export const NUD_NOARP = 0x40
export const NUD_PERMANENT = 0x80
export const NTF_SELF = 0x02
export const NTF_MASTER = 0x04
export const NTF_PROXY = 0x08
export const NTF_EXT_LEARNED = 0x10
export const NTF_OFFLOADED = 0x20
export const NTF_STICKY = 0x40
export const NTF_ROUTER = 0x80
export const NDA_DST = 1
export const NDA_LLADDR = 2
export const NDA_CACHEINFO = 3
export const NDA_VLAN = 5
export const NDA_PORT = 6
export const NDA_VNI = 7
export const NDA_IFINDEX = 8
export const NDA_MASTER = 9
export const NDA_SRC_VNI = 11
export const NDA_PROTOCOL = 12
export const NDA_NH_ID = 13
export const NDA_FLAGS_EXT = 15

export const EPERM = 1
export const ENOENT = 2
export const ESRCH = 3
export const EBUSY = 16
export const EEXIST = 17
export const ENOBUFS = 105
export const EAGAIN = 11
export const ENODEV = 19
export const EINVAL = 22
export const EACCES = 13
export const EOPNOTSUPP = 95
export const EAFNOSUPPORT = 97
export const EADDRINUSE = 98
export const ENETDOWN = 100
export const ENETUNREACH = 101
export const EHOSTUNREACH = 113
export const EADDRNOTAVAIL = 99
