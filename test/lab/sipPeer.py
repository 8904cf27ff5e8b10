"""Both ends of sip.test.ts, over real sockets.

python3 sipPeer.py serve NAME ADDRESS...   answers each message on port 5060 and names itself; a header "Call-Me: PORT" makes it call the client there
python3 sipPeer.py ask VIRTUAL             reads lines "LOCAL_PORT CALL_ID START [CALL_ME]", says in a line each who answered, and who called
"""

import select
import socket
import sys

PORT = 5060
WAIT_SECONDS = 5


def message(start, call_id, *headers):
    lines = [start, "Via: SIP/2.0/UDP lab.example.com", f"Call-ID: {call_id}", *headers, "Content-Length: 0", "", ""]
    return "\r\n".join(lines).encode()


def header(text, name):
    found = [line.split(":", 1)[1].strip() for line in text.split("\r\n") if line.lower().startswith(name.lower() + ":")]
    return found[0] if found else ""


def bound(address, port):
    made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


def serve(name, addresses):
    sockets = [bound(address, PORT) for address in addresses]
    print("ready", flush=True)
    while True:
        for ready in select.select(sockets, [], [])[0]:
            data, client = ready.recvfrom(4096)
            text = data.decode()
            if text.startswith("SIP/2.0"):
                continue
            ready.sendto(message("SIP/2.0 200 OK", header(text, "Call-ID"), f"Server: {name}"), client)
            call_me = header(text, "Call-Me")
            if call_me:
                call = message("INVITE sip:client SIP/2.0", f"{name}-calls-{call_me}", f"Server: {name}")
                ready.sendto(call, (client[0], int(call_me), *client[2:]))


def heard(own, virtual):
    """Who sent the next message, which must come from the virtual address."""
    if not select.select([own], [], [], WAIT_SECONDS)[0]:
        return "nobody"
    data, source = own.recvfrom(4096)
    is_virtual = source[0] == virtual and source[1] == PORT
    return header(data.decode(), "Server") if is_virtual else f"{source[0]}:{source[1]}"


def ask(virtual):
    any_address = "::" if ":" in virtual else "0.0.0.0"
    for line in sys.stdin:
        port, call_id, start, *call_me = line.split()
        own = bound(any_address, int(port))
        phone = bound(any_address, int(call_me[0])) if call_me else None
        extra = [f"Call-Me: {call_me[0]}"] if call_me else []
        own.sendto(message(f"{start} sip:bob SIP/2.0", call_id, *extra), (virtual, PORT))
        answers = [heard(own, virtual)]
        if phone:
            caller = heard(phone, virtual)
            phone.sendto(message("BYE sip:bob SIP/2.0", f"{caller}-calls-{call_me[0]}"), (virtual, PORT))
            answers += [caller, heard(phone, virtual)]
            phone.close()
        own.close()
        print(" ".join(answers), flush=True)


if sys.argv[1] == "serve":
    serve(sys.argv[2], sys.argv[3:])
else:
    ask(sys.argv[2])
