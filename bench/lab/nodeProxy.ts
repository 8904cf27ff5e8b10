/** A TCP proxy as one writes it in Node in a minute: a peer of the lab. */
import { connect, createServer } from 'node:net';
import { BULK_PORT, HTTP_PORT, MASQ_ADDRESS, REAL_SERVERS } from './addresses.ts';

let next = 0;

for (const port of [HTTP_PORT, BULK_PORT]) {
  const proxy = createServer((client) => {
    next = (next + 1) % REAL_SERVERS.length;
    const server = connect({ host: REAL_SERVERS[next]!, port, noDelay: true });
    client.setNoDelay(true);
    client.pipe(server).pipe(client);
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
  });
  proxy.listen({ host: MASQ_ADDRESS, port, backlog: 4096 });
}
