"""exabgp 4.2 as a second opinion: one request a line on standard input, one answer a line, both JSON.

{"make": "<expression>"}  -> {"hex": octets of what the expression makes}
{"message": hex, "asn4": bool, "addpath": [[afi, safi], ...]}  -> what the message says, see `decode`
Whatever exabgp refuses   -> {"error": reason}
"""

import json
import sys

sys.path.insert(0, '/usr/lib/python3/dist-packages')

from exabgp.configuration.setup import environment

environment.application = 'exabgp'
environment.setup('')

from exabgp.logger import Logger

Logger._option = {}

from exabgp.bgp.message import IN, Message, Update
from exabgp.bgp.message.direction import Direction
from exabgp.bgp.message.open.asn import ASN
from exabgp.bgp.message.open.capability.negotiated import Negotiated
from exabgp.bgp.message.update.attribute.clusterlist import ClusterID, ClusterList
from exabgp.bgp.message.update.attribute.community.extended import (
    ConsistentHashSortOrder,
    Encapsulation,
    MacMobility,
    RouteTargetASN2Number,
    RouteTargetASN4Number,
    RouteTargetIPNumber,
    TrafficRedirect,
    TrafficRedirectASN4,
)
from exabgp.bgp.message.update.attribute.community.extended.communities import ExtendedCommunities
from exabgp.bgp.message.update.attribute.community.extended.rt_record import (
    RTRecordASN2Number,
    RTRecordASN4Number,
    RTRecordIPNumber,
)
from exabgp.bgp.message.update.attribute.originatorid import OriginatorID
from exabgp.bgp.message.update.nlri.evpn import MAC, EthernetAD, EthernetSegment, Multicast, Prefix
from exabgp.bgp.message.update.nlri.evpn.nlri import EVPN
from exabgp.bgp.message.update.nlri.qualifier import ESI, EthernetTag, Labels, RouteDistinguisher
from exabgp.bgp.message.update.nlri.qualifier import MAC as MACQUAL
from exabgp.bgp.message.update.nlri.ipvpn import IPVPN
from exabgp.bgp.message.update.nlri.rtc import RTC
from exabgp.protocol.family import AFI, SAFI
from exabgp.protocol.ip import IP

FAMILIES = ((1, 1), (2, 1), (1, 128), (2, 128), (25, 70), (1, 132), (1, 134), (2, 134))

# What expressions may say.
RD = RouteDistinguisher.fromElements('10.0.0.1', 7)
NAMES = {
    made.__name__: made
    for made in (
        *(AFI, ASN, ClusterID, ClusterList, ConsistentHashSortOrder, ESI, Encapsulation, EthernetAD, EthernetSegment),
        *(EthernetTag, ExtendedCommunities, IP, Labels, MAC, MacMobility, Multicast, OriginatorID, Prefix, RTC),
        *(RTRecordASN2Number, RTRecordASN4Number, RTRecordIPNumber, RouteTargetASN2Number, RouteTargetASN4Number),
        *(RouteTargetIPNumber, SAFI, TrafficRedirect, TrafficRedirectASN4),
    )
}
NAMES.update(RD=RD, MACQUAL=MACQUAL, bytes=bytes, range=range)


def negotiated(asn4=True, addpath=()):
    session = Negotiated({'aigp': True})
    session.asn4 = asn4
    session.families = [(AFI.create(afi), SAFI.create(safi)) for afi, safi in FAMILIES]
    session.local_as = session.peer_as = ASN(64512)
    session.msg_size = 65535
    wanted = {(afi, safi) for afi, safi in addpath}
    session.addpath.receive = lambda afi, safi: (int(afi), int(safi)) in wanted
    session.addpath.send = lambda afi, safi: False
    return session


def packed(made):
    if isinstance(made, EVPN):
        made._packed = None
        made._pack()
    if isinstance(made, IPVPN):
        return made.pack(negotiated()).hex()
    return getattr(made, 'pack_nlri', made.pack)(negotiated()).hex()


def decode(request):
    data = bytes.fromhex(request['message'])
    session = negotiated(request['asn4'], request['addpath'])
    kind, body = data[18], data[19:]
    if kind == 1:
        message = Message.unpack(kind, body, Direction.IN, session)
        capabilities = []
        for code, capability in message.capabilities.items():
            capabilities += [[int(code), value.hex()] for value in capability.extract()]
        return {
            'version': int(message.version),
            'as': int(message.asn),
            'holdTime': int(message.hold_time),
            'identifier': str(message.router_id),
            'capabilities': capabilities,
        }
    if kind == 3:
        return {'code': body[0], 'text': str(Message.unpack(kind, body, Direction.IN, session))}
    if kind != 2:
        return {'hex': Message.unpack(kind, body, Direction.IN, session).message(session).hex()}
    update = Update.unpack_message(body, Direction.IN, session)
    if not hasattr(update, 'attributes') or getattr(update, 'EOR', True):
        eor = update.nlris[0]
        return {'endOfRib': [int(eor.afi), int(eor.safi)]}
    return {
        'nlri': [
            {
                'hex': packed(nlri),
                'advertised': nlri.action == IN.ANNOUNCED,
                'nextHop': str(getattr(nlri, 'nexthop', '')),
            }
            for nlri in update.nlris
        ],
        'attributes': {str(code): str(value) for code, value in update.attributes.items() if str(code) != 'internal-index'},
    }


for line in sys.stdin:
    request = json.loads(line)
    try:
        if 'make' in request:
            answer = {'hex': packed(eval(request['make'], {'__builtins__': {}}, NAMES))}
        else:
            answer = decode(request)
    except BaseException as error:
        answer = {'error': '%s: %s' % (type(error).__name__, error)}
    print(json.dumps(answer), flush=True)
