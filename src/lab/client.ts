/**
 * The client of the labs: requests one after the other, a JSON line (ClientResult) for each, from its addresses in turn. Exits 1 when
 * one was not answered.
 *
 *     node client.ts --target 10.77.0.100:80 --count 10 [--udp] [--path /bytes/1000 | --upload 1000 | --udp --size 3000] [--interval 100] [--timeout 2000] [--from ADDRESS ...]
 */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatAddress, parseEndpoint } from '../base/address.ts';
import { UvsError } from '../base/errors.ts';
import { type ClientTarget, sendRequest } from './clientRequests.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      target: { type: 'string', default: '' },
      count: { type: 'string', default: '1' },
      udp: { type: 'boolean', default: false },
      path: { type: 'string', default: '/' },
      upload: { type: 'string', default: '0' },
      size: { type: 'string', default: '0' },
      interval: { type: 'string', default: '0' },
      timeout: { type: 'string', default: '2000' },
      from: { type: 'string', multiple: true, default: [] },
    },
  });
  const endpoint = parseEndpoint(values.target);
  if (endpoint === undefined) throw new UvsError('USAGE', `--target "${values.target}" is not address:port`);
  const target: ClientTarget = {
    address: formatAddress(endpoint.address),
    port: endpoint.port,
    udp: values.udp,
    from: undefined,
    path: values.path,
    uploadBytes: Number(values.upload),
    datagramBytes: Number(values.size),
    timeoutMs: Number(values.timeout),
  };
  await sendAll(target, values.from, Number(values.count), Number(values.interval));
}

/** @param addresses of this client, used in turn; none = by its routes @param count 0 = until the process ends */
async function sendAll(target: ClientTarget, addresses: readonly string[], count: number, intervalMs: number): Promise<void> {
  // Nobody reads any more: nothing left to do.
  process.stdout.on('error', () => process.exit(1));
  for (let number = 1; count === 0 || number <= count; number++) {
    const from = addresses.length === 0 ? undefined : addresses[(number - 1) % addresses.length];
    const result = await sendRequest({ ...target, from }, number);
    process.stdout.write(`${JSON.stringify(result)}\n`);
    if (result.error !== null || result.intact === false) process.exitCode = 1;
    if (intervalMs > 0 && number !== count) await delay(intervalMs);
  }
}

await main();
