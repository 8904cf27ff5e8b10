"""Active FTP for ftp.test.ts, beside curl: python3 ftpClient.py HOST PORT PORT|EPRT get|put|list FILE LOCAL"""

import ftplib
import socket
import sys

host, port, command, action, file, local = sys.argv[1:]


class Client(ftplib.FTP):
    def makeport(self):
        listening = socket.create_server(("", 0), family=self.af, backlog=1)
        own, number = self.sock.getsockname()[0], listening.getsockname()[1]
        (self.sendport if command == "PORT" else self.sendeprt)(own, number)
        listening.settimeout(self.timeout)
        return listening


with Client(timeout=10) as ftp:
    ftp.connect(host, int(port))
    ftp.login()
    ftp.set_pasv(False)
    if action == "get":
        with open(local, "wb") as target:
            ftp.retrbinary(f"RETR {file}", target.write)
    elif action == "put":
        with open(local, "rb") as source:
            ftp.storbinary(f"STOR {file}", source)
    else:
        print("\n".join(ftp.nlst()))
