"""ExaBGP 4.2, with commands for what its library encodes and its configuration has no words for.

announce|withdraw evpn <address>      a MAC, a flooding list and a subnet, with this address as next hop
announce|withdraw membership <as>:<n> <address>
"""

import sys

sys.path.insert(0, '/usr/lib/python3/dist-packages')

from exabgp.application.bgp import main
from exabgp.bgp.message import OUT
from exabgp.bgp.message.open.asn import ASN
from exabgp.bgp.message.update.attribute.attributes import Attributes
from exabgp.bgp.message.update.attribute.community.extended import Encapsulation, RouteTargetASN2Number
from exabgp.bgp.message.update.attribute.community.extended.communities import ExtendedCommunities
from exabgp.bgp.message.update.attribute.pmsi import PMSIIngressReplication
from exabgp.bgp.message.update.nlri.evpn import MAC, Multicast, Prefix
from exabgp.bgp.message.update.nlri.qualifier import ESI, EthernetTag, Labels, RouteDistinguisher
from exabgp.bgp.message.update.nlri.qualifier import MAC as Address
from exabgp.bgp.message.update.nlri.rtc import RTC
from exabgp.protocol.family import AFI, SAFI
from exabgp.protocol.ip import IP
from exabgp.reactor.api.command.command import Command
from exabgp.rib.change import Change

RD = RouteDistinguisher(b'\x00\x00\xfc\x00\x00\x00\x00\x0c')
TARGET = '64512:77'
VNI = 4077
VXLAN = 8


def route_target(text):
    administrator, number = text.split(':')
    return RouteTargetASN2Number(ASN(int(administrator)), int(number))


def evpn(address):
    tag = EthernetTag(0)
    station = MAC(RD, ESI(), tag, Address('02:00:00:00:12:12'), 48, Labels([], raw_labels=[VNI]), IP.create('12.0.0.7'))
    subnet = Prefix(RD, ESI(), tag, Labels([], raw_labels=[VNI]), IP.create('12.0.0.0'), 24, IP.create('0.0.0.0'))
    flooding = Multicast(RD, tag, IP.create(address))
    for nlri in (station, subnet, flooding):
        attributes = Attributes()
        attributes.add(ExtendedCommunities().add(route_target(TARGET)).add(Encapsulation(VXLAN)))
        if nlri is flooding:
            attributes.add(PMSIIngressReplication(address, raw_label=VNI))
        yield Change(nlri, attributes)


def membership(target, address):
    yield Change(RTC.new(AFI.ipv4, SAFI.rtc, ASN(64512), route_target(target)), Attributes())


KINDS = {'evpn': evpn, 'membership': membership}


def inject(self, reactor, service, line):
    verb, kind, *words = line.split()
    for change in KINDS[kind](*words):
        change.nlri.action = OUT.ANNOUNCE if verb == 'announce' else OUT.WITHDRAW
        change.nlri.nexthop = IP.create(words[-1])
        reactor.configuration.inject_change(reactor.peers(service), change)
    reactor.processes.answer_done(service)
    return True


for kind in KINDS:
    for verb in ('announce', 'withdraw'):
        Command.register('text', '%s %s' % (verb, kind))(inject)

main()
