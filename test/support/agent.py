"""The agent code of networking-bagpipe (Debian's python3-networking-bagpipe) on a node: BaGPipeBGPAgent with the extensions of a
Linux bridge agent (ML2 and BGPVPN) or of an OVS agent (BGPVPN). Neutron's RPC is stubbed as in its unit tests, and Open vSwitch too.

    agent.py linuxbridge|ovs HOST PORT

Reads commands as JSON lines, {"do": name, ...}, and answers each with one: what was sent to bagpipe-bgp since the last answer, the status
that the agent sees, and the exception where there was one.
"""
import eventlet
eventlet.monkey_patch()
# isort: off
import json
import logging
import os
import sys
import traceback
import uuid
from unittest import mock

import httplib2
import netaddr
from oslo_config import cfg

from neutron.api.rpc.callbacks.consumer import registry as rpc_registry
from neutron.api.rpc.handlers import resources_rpc
from neutron.conf.agent import securitygroups_rpc
from neutron.plugins.ml2.drivers.linuxbridge.agent.common import constants as lb_constants
from neutron.privileged import default as privileged
from neutron_lib import constants as n_const
from neutron_lib import context
from neutron_lib.plugins.ml2 import ovs_constants
from networking_bagpipe.agent import bagpipe_bgp_agent as client
from networking_bagpipe.agent.bagpipe_ml2 import agent_extension as ml2
from networking_bagpipe.agent.bgpvpn import agent_extension as bgpvpn
from networking_bagpipe.objects import bgpvpn as objects

KIND, HOST, PORT = sys.argv[1:4]
# of the patch ports that the agent would make in br-mpls
OVS_PORT_NUMBER = 2

securitygroups_rpc.register_securitygroups_opts()
cfg.CONF([], project='neutron')
cfg.CONF.set_override('bagpipe_bgp_ip', HOST, 'BAGPIPE')
cfg.CONF.set_override('bagpipe_bgp_port', int(PORT), 'BAGPIPE')
cfg.CONF.set_override('ping_interval', 1, 'BAGPIPE')
privileged.set_client_mode(False)
logging.basicConfig(level=logging.WARNING)

sent = []
pulled = {}
request = httplib2.Http.request


def recorded(self, uri, method='GET', body=None, headers=None, **more):
    """What the agent asks, and what it is answered; status 0 without an answer."""
    action = uri.rsplit('/', 1)[1]
    call = {'action': action, 'body': json.loads(body) if body else None, 'status': 0, 'answer': ''}
    try:
        response, content = request(self, uri, method, body, headers, **more)
        call.update(status=response.status, answer=content.decode())
        return response, content
    finally:
        if action != 'ping':
            sent.append(call)


class Pull:
    """What the agent asks Neutron for when a port appears."""

    def bulk_pull(self, _context, kind, filter_kwargs=None):
        def matches(one, key, value):
            networks = [net['network_id'] for net in getattr(one, 'connected_networks', [])]
            return getattr(one, key, None) == value or (key == 'network_id' and value in networks)

        return [one for one in pulled.get(kind, {}).values()
                if all(matches(one, key, value) for key, value in filter_kwargs.items())]


httplib2.Http.request = recorded
resources_rpc.ResourcesPullRpcApi = Pull
resources_rpc.ResourcesPushRpcCallback = mock.Mock()
rpc_registry.register = mock.Mock()
admin = context.get_admin_context()


def uid(name):
    """A stable UUID for a name of a test."""
    return str(uuid.UUID(name.encode().hex().ljust(32, '0')[:32]))


def vpn_of(given):
    targets = {f'{kind}_targets': given.get(f'{kind}_targets', []) for kind in ('route', 'import', 'export')}
    more = {key: given[key] for key in ('local_pref', 'vni') if key in given}
    return objects.BGPVPN(admin, id=uid(given['id']), name=given['id'], type=given['type'], **targets, **more)


class Agent:
    def __init__(self):
        self.nets = {}
        self.ports = {}
        self.extensions = []
        if KIND == 'linuxbridge':
            self.extensions.append(ml2.BagpipeML2AgentExtension())
        self.bgpvpn = bgpvpn.BagpipeBgpvpnAgentExtension()
        self.extensions.append(self.bgpvpn)
        driver, agent_type = lb_constants.EXTENSION_DRIVER_TYPE, n_const.AGENT_TYPE_LINUXBRIDGE
        if KIND == 'ovs':
            driver, agent_type = ovs_constants.EXTENSION_DRIVER_TYPE, n_const.AGENT_TYPE_OVS
            bridge = mock.Mock()
            bridge.add_patch_port.return_value = OVS_PORT_NUMBER
            bgpvpn.ovs_lib.OVSBridge = mock.Mock(return_value=bridge)
            api = mock.Mock()
            api.request_int_br.return_value = api.request_tun_br.return_value = bridge
            self.bgpvpn.consume_api(api)
        for extension in self.extensions:
            extension.initialize(mock.Mock(), driver)
        self.client = client.BaGPipeBGPAgent.get_instance(agent_type)

    def network(self, id, vni, gateway=None, gateway_mac=None):
        self.nets[id] = {'vni': vni, 'subnets': [
            {'ip_version': 4, 'cidr': 'unused', 'gateway_ip': gateway, 'gateway_mac': gateway_mac}]}
        if KIND == 'ovs':
            vlan = len(self.nets)
            self.bgpvpn.vlan_manager.add(uid(id), vlan, None, None, vni)

    def port(self, id, network, mac, ip, up=True):
        self.ports[id] = network
        data = {'port_id': uid(id), 'admin_state_up': up, 'network_id': uid(network), 'network_type': 'vxlan',
                'segmentation_id': self.nets[network]['vni'], 'device_owner': 'compute:nova', 'mac_address': mac,
                'fixed_ips': [{'ip_address': ip}]}
        for extension in self.extensions:
            extension.handle_port(admin, data)

    def delete_port(self, id):
        for extension in reversed(self.extensions):
            extension.delete_port(admin, {'port_id': uid(id)})

    def associate_network(self, id, network, vpn, event='created'):
        one = objects.BGPVPNNetAssociation(
            admin, id=uid(id), network_id=uid(network), bgpvpn_id=uid(vpn['id']), bgpvpn=vpn_of(vpn))
        one.subnets = self.nets[network]['subnets']
        self._notify(one, event, self.bgpvpn.handle_notification_net_assocs)

    def associate_router(self, id, networks, vpn, event='created'):
        one = objects.BGPVPNRouterAssociation(
            admin, id=uid(id), router_id=uid(id), bgpvpn_id=uid(vpn['id']), bgpvpn=vpn_of(vpn))
        one.connected_networks = [{'network_id': uid(net), 'subnets': self.nets[net]['subnets']} for net in networks]
        self._notify(one, event, self.bgpvpn.handle_notification_router_assocs)

    def associate_port(self, id, port, vpn, prefixes=(), leak=(), event='created'):
        one = objects.BGPVPNPortAssociation(
            admin, id=uid(id), port_id=uid(port), bgpvpn_id=uid(vpn['id']), bgpvpn=vpn_of(vpn),
            advertise_fixed_ips=True)
        one.subnets = self.nets[self.ports[port]]['subnets']
        route = objects.BGPVPNPortAssociationRoute
        one.routes = [
            *(route(admin, type='prefix', prefix=netaddr.IPNetwork(prefix), local_pref=None) for prefix in prefixes),
            *(route(admin, type='bgpvpn', bgpvpn=vpn_of(other), bgpvpn_id=uid(other['id']), local_pref=None)
              for other in leak)]
        self._notify(one, event, self.bgpvpn.handle_notification_port_assocs)

    def _notify(self, one, event, handle):
        known = pulled.setdefault(one.obj_name(), {})
        if event == 'deleted':
            known.pop(one.id, None)
        else:
            known[one.id] = one
        handle(admin, one.obj_name(), [one], event)

    def look(self):
        """Nothing but the answer."""


def lines():
    """Of the standard input, without keeping the agent from polling."""
    os.set_blocking(0, False)
    buffer = b''
    while True:
        try:
            octets = os.read(0, 65536)
        except BlockingIOError:
            eventlet.sleep(0.02)
            continue
        if octets == b'':
            return
        *whole, buffer = (buffer + octets).split(b'\n')
        yield from whole


def main():
    agent = Agent()
    for line in lines():
        command = json.loads(line)
        error = None
        try:
            getattr(agent, command.pop('do'))(**command)
        except Exception:
            error = traceback.format_exc()
        calls = sent[:]
        del sent[:len(calls)]
        print(json.dumps({'calls': calls, 'status': agent.client.bagpipe_bgp_status, 'error': error}), flush=True)


main()
