"""Debian's bagpipe-rest-attach with the configuration file that is its first argument. It gives its request to Python as text, which takes octets."""
import sys
import urllib.request

from oslo_config import cfg

config = sys.argv.pop(1)
call = cfg.ConfigOpts.__call__


def configure(self, *args, **settings):
    return call(self, *args, **{**settings, 'default_config_files': [config]})


class OctetsRequest(urllib.request.Request):
    def __init__(self, url, data, headers):
        super().__init__(url, data.encode(), headers)


cfg.ConfigOpts.__call__ = configure
urllib.request.Request = OctetsRequest
sys.argv[0] = 'bagpipe-rest-attach'

from networking_bagpipe.bagpipe_bgp.cli.rest_attach import main  # noqa: E402

sys.exit(main())
