/**
 * A real server of the labs: HTTP and UDP echo on every address given, answers carry its name.
 *
 *     node realServer.ts --name rs1 --http 80 --echo 7 --address 10.77.0.11 --address 10.77.0.100 [--toa]
 *
 * `GET /` its name; `GET /bytes/N` N test bytes, SHA-256 in a header; `POST /upload` the SHA-256 of the body. A datagram comes back
 * with the name in front. With --toa HTTP answers say whom the server saw and of whom the SYN told (savedSyn.ts). UDP sockets are bound one per address, for the reply must come from the address that was asked.
 */
import { createHash } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { parseArgs } from 'node:util';
import { formatEndpoint, parseAddress } from '../base/address.ts';
import { clientOf, keepSyns } from './savedSyn.ts';
import { MAX_TEST_BYTES, sha256, testBytes } from './testBytes.ts';

export interface RealServerOptions {
  readonly name: string;
  readonly addresses: readonly string[];
  /** 0 = any free port, the same on no two addresses. */
  readonly httpPort: number;
  readonly echoPort: number;
  /** Read the client's address from the TCP option of its SYN. */
  readonly toa?: boolean;
}

export interface RunningServer {
  readonly http: readonly Server[];
  readonly echo: readonly Socket[];
  close(): void;
}

/** Header with the name of the server that answered. */
export const SERVER_HEADER = 'x-server';
/** Header with the address that the connection came from, and one with that of which its SYN told. */
export const PEER_HEADER = 'x-peer';
export const CLIENT_HEADER = 'x-client';
/** Header with the SHA-256 of the body. */
export const HASH_HEADER = 'x-sha256';

/** Resolves when every socket listens. */
export async function startRealServer({ name, addresses, httpPort, echoPort, toa }: RealServerOptions): Promise<RunningServer> {
  const http = addresses.map((host) =>
    createServer((request, response) => answer(name, request, response)).listen(httpPort, host),
  );
  const echo = addresses.map((address) => startEcho(name, address, echoPort));
  await Promise.all([...http, ...echo].map((socket) => once(socket, 'listening')));
  if (toa === true) for (const server of http) tellClients(server);
  return {
    http,
    echo,
    close() {
      for (const server of http) {
        server.close();
        server.closeAllConnections();
      }
      for (const socket of echo) socket.close();
    },
  };
}

/** The kernel gives a SYN out once, so it is read when the connection is new. */
function tellClients(server: Server): void {
  keepSyns(server);
  const clients = new WeakMap<object, string>();
  server.on('connection', (socket) => {
    const client = clientOf(socket);
    if (client !== undefined) clients.set(socket, client);
  });
  server.prependListener('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
    const peer = parseAddress(socket.remoteAddress ?? '');
    if (peer !== undefined) response.setHeader(PEER_HEADER, formatEndpoint(peer, socket.remotePort ?? 0));
    const client = clients.get(socket);
    if (client !== undefined) response.setHeader(CLIENT_HEADER, client);
  });
}

function answer(name: string, request: IncomingMessage, response: ServerResponse): void {
  response.setHeader(SERVER_HEADER, name);
  response.setHeader('content-type', 'text/plain');
  const bytes = /^\/bytes\/(\d{1,9})$/.exec(request.url ?? '');
  if (request.url === '/') response.end(`${name}\n`);
  else if (bytes !== null && Number(bytes[1]) <= MAX_TEST_BYTES) answerBytes(Number(bytes[1]), response);
  else if (request.url === '/upload') answerUpload(request, response);
  else response.writeHead(404).end('no such path\n');
}

function answerBytes(count: number, response: ServerResponse): void {
  const body = testBytes(count);
  response.setHeader('content-type', 'application/octet-stream');
  response.setHeader(HASH_HEADER, sha256(body));
  response.end(body);
}

function answerUpload(request: IncomingMessage, response: ServerResponse): void {
  const hash = createHash('sha256');
  request.on('data', (chunk: Buffer) => hash.update(chunk));
  request.on('end', () => response.end(`${hash.digest('hex')}\n`));
}

function startEcho(name: string, address: string, port: number): Socket {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const prefix = Buffer.from(`${name} `);
  socket.on('message', (message, from) => socket.send(Buffer.concat([prefix, message]), from.port, from.address));
  socket.bind(port, address);
  return socket;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      name: { type: 'string', default: 'rs' },
      http: { type: 'string', default: '80' },
      echo: { type: 'string', default: '7' },
      address: { type: 'string', multiple: true, default: ['127.0.0.1'] },
      toa: { type: 'boolean', default: false },
    },
  });
  await startRealServer({
    name: values.name,
    addresses: values.address,
    httpPort: Number(values.http),
    echoPort: Number(values.echo),
    toa: values.toa,
  });
  process.stdout.write('ready\n');
  // Whoever started us may go; the lab stays up.
  process.stdout.on('error', () => {});
  process.on('SIGTERM', () => process.exit(0));
}

if (import.meta.main) await main();
