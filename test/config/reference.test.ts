/** docs/reference/config.md against the schemas. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CLASSIFICATION_SHAPE } from '../../src/config/readClassification.ts';
import { CONFIG_SHAPE, LIMITS_SHAPE, parseConfig, TIMEOUTS_SHAPE } from '../../src/config/readConfig.ts';
import { FULLNAT_SHAPE } from '../../src/config/readFullnat.ts';
import { PERSISTENCE_SHAPE } from '../../src/config/readPersistence.ts';
import { METHOD_NAMES, REAL_SERVER_SHAPE } from '../../src/config/readRealServers.ts';
import { SERVICE_SHAPE } from '../../src/config/readServices.ts';
import { TUNNEL_SHAPE } from '../../src/config/readTunnel.ts';

const DOCUMENT = readFileSync(new URL('../../docs/reference/config.md', import.meta.url), 'utf8');

function section(title: string): string {
  return DOCUMENT.split(/^## /m).find((part) => part.startsWith(`${title}\n`)) ?? '';
}

/** The code words of the first cell of each row. */
function keysOf(title: string): string[] {
  return [...section(title).matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key!);
}

test.each([
  ['At the top', CONFIG_SHAPE],
  ['services', SERVICE_SHAPE],
  ['Real servers', REAL_SERVER_SHAPE],
  ['persistence', PERSISTENCE_SHAPE],
  ['tunnel', TUNNEL_SHAPE],
  ['classification', CLASSIFICATION_SHAPE],
  ['fullnat', FULLNAT_SHAPE],
  ['timeouts', TIMEOUTS_SHAPE],
  ['limits', LIMITS_SHAPE],
] as const)('"%s" lists exactly the keys that are read', (title, shape) => {
  expect(keysOf(title).toSorted()).toEqual(Object.keys(shape).toSorted());
});

test('every name of a forwarding method is listed beside the method that it means', () => {
  const rows = [...section('Forwarding methods').matchAll(/^\| `(\w+)` \| ([^|]+) \|/gm)];
  const listed = rows.flatMap(([, method, others]) =>
    [method!, ...others!.replaceAll(/[`\s]/g, '').split(',')].map((name) => [name, method]),
  );
  expect(Object.fromEntries(listed)).toEqual(METHOD_NAMES);
});

test('the example is a good configuration', () => {
  const example = /```yaml\n([\s\S]+?)```/.exec(DOCUMENT)![1]!;
  expect(parseConfig(example, 'example', { schedulers: ['wlc', 'rr'] }).faults).toEqual([]);
});

test.each([
  ['timeouts', TIMEOUTS_SHAPE],
  ['limits', LIMITS_SHAPE],
] as const)('the defaults of %s are those of the document', (title, shape) => {
  const rows = [...section(title).matchAll(/^\| `(\w+)` \| .* \| (\d+) \|$/gm)].map(([, key, value]) => [key, Number(value)]);
  expect(Object.fromEntries(rows)).toEqual(
    Object.fromEntries(Object.entries(shape).map(([key, schema]) => [key, schema.parse(undefined)])),
  );
});
