"""An FTP server for ftp.test.ts: python3 ftpServer.py ADDRESS FOLDER PORT CALLS_FROM. Active connections come from port CALLS_FROM, 0 = any."""

import sys

from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import ActiveDTP, FTPHandler
from pyftpdlib.servers import FTPServer

address, folder, port, calls_from = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


class CallingDTP(ActiveDTP):
    def bind(self, own):
        # An earlier connection from that port may still be closing.
        self.set_reuse_addr()
        super().bind((own[0], calls_from))


class Handler(FTPHandler):
    authorizer = DummyAuthorizer()
    active_dtp = CallingDTP
    use_sendfile = False


Handler.authorizer.add_anonymous(folder, perm="elradfmw")
server = FTPServer((address, port), Handler)
print("ready", flush=True)
server.serve_forever(handle_exit=False)
