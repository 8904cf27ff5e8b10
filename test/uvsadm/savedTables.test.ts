/** Random tables, saved and restored: what is saved once more is the same. In the layer of recordings, for there are many. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FakeDirector, run } from './fakeDirector.ts';

const port = fc.integer({ min: 1, max: 65_535 });
const v4 = fc
  .integer({ min: 0x0100_0000, max: 0xdfff_fffe })
  .map((n) => [24, 16, 8, 0].map((bits) => (n >>> bits) & 255).join('.'));
const v6 = fc.integer({ min: 1, max: 0xffff }).map((n) => `[fd00::${n.toString(16)}]`);

function serverLines(service: string, address: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const method = fc.constantFrom(
    ...['-g', '-m', '-i', '--fullnat', '-i --tun-type gre --tun-csum', '-i --tun-type gue --tun-port 6080 --tun-remcsum'],
  );
  const thresholds = fc.constantFrom('', '-x 9', '-x 9 -y 3');
  return fc
    .tuple(address, port, method, fc.nat(), thresholds)
    .map(([at, to, how, weight, limits]) => `-a ${service} -r ${at}:${to} ${how} -w ${weight} ${limits}`);
}

const scheduling = fc.constantFrom(
  ...['-s rr', '-s sh -b sh-port,sh-fallback', '-s mh -b mh-port', '-s wrr -b flag-1,flag-3', '-p 60', '-s sh -p 7 --pe sip', ''],
);
const serviceLines: fc.Arbitrary<string[]> = fc
  .oneof(
    fc.tuple(fc.constantFrom('-t', '-u', '--sctp-service'), v4, port).map(([option, at, to]) => [`${option} ${at}:${to}`, '']),
    fc.tuple(fc.constantFrom('-t', '-u'), v6, port).map(([option, at, to]) => [`${option} ${at}:${to}`, '6']),
    fc.integer({ min: 1, max: 0xffff_ffff }).map((mark) => [`-f ${mark}`, '']),
    fc.integer({ min: 1, max: 0xffff_ffff }).map((mark) => [`-f ${mark} -6`, '6']),
  )
  .chain(([service, family]) => {
    const mask = fc.constantFrom('', family === '6' ? '-M 64' : '-M 255.255.0.255');
    const servers = fc.array(serverLines(service!, family === '6' ? v6 : v4), { maxLength: 3 });
    return fc.tuple(scheduling, mask, servers).map(([how, only, all]) => [`-A ${service} ${how} ${only}`, ...all]);
  });
const tables = fc.array(serviceLines, { maxLength: 4 }).map((lines) => lines.flat().join('\n'));

test.each(['-Sn', '-Sn --all'])('%s, restored and saved again, is the same', async (save) => {
  await fc.assert(
    fc.asyncProperty(tables, async (input) => {
      const [before, after] = [new FakeDirector(), new FakeDirector()];
      await run('-R', before, { input });
      const saved = (await run(save, before)).out;
      expect(await run('-R', after, { input: saved })).toMatchObject({ exitCode: 0, err: '' });
      expect((await run(save, after)).out).toBe(saved);
    }),
    { numRuns: 1000 },
  );
});
