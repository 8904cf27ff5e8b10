import { describe, expect, test } from 'vitest';
import type { ClientResult } from '../../src/lab/clientRequests.ts';
import type { DemoOptions } from '../../src/lab/demoStage.ts';
import {
  isFailure,
  liveLine,
  liveLines,
  requestHeading,
  requestLine,
  seenLines,
  summarize,
  summaryLines,
} from '../../src/lab/demoText.ts';
import { Simulation } from '../../src/lab/simulation.ts';
import { planLab } from '../../src/lab/topologies.ts';

const PLAN = planLab('demo', 'dr', 2);
const OPTIONS: DemoOptions = {
  method: 'dr',
  scheduler: 'rr',
  realServers: 2,
  requests: 2,
  udp: false,
  family: 'v4',
  io: 'auto',
};

function result(request: number, more: Partial<ClientResult> = {}): ClientResult {
  return { request, server: 'rs1', milliseconds: 1.25, bytes: 4, intact: null, error: null, ...more };
}

const LOST = { server: null, error: 'TIMEOUT' };

describe('the table of requests', () => {
  test('a dot stands in the column of the real server that answered', () => {
    expect([requestHeading(PLAN), requestLine(PLAN, result(1)), requestLine(PLAN, result(12, { server: 'rs2' }))]).toEqual([
      'request   rs1   rs2       ms',
      '      1     ●     ·      1.3',
      '     12     ·     ●      1.3',
    ]);
  });

  test('a request without an answer says why', () => {
    expect(requestLine(PLAN, result(3, LOST))).toContain('no answer (TIMEOUT)');
  });

  test('of each real server that says so, one line tells whom it saw in its first answer', () => {
    const seen = (peer: string, client: string | null) => ({ seen: { peer, client, self: '10.77.0.1:40000' } });
    const results = [
      result(1, seen('10.77.3.200:5001', '10.77.0.1:40000')),
      result(2, seen('10.77.3.201:5002', '10.77.0.1:40001')),
      result(3, { server: 'rs2', ...seen('10.77.3.200:5003', null) }),
      result(4, LOST),
    ];
    expect(seenLines(results)).toEqual([
      'client 10.77.0.1:40000: rs1 saw 10.77.3.200:5001 and was told of 10.77.0.1:40000',
      'client 10.77.0.1:40000: rs2 saw 10.77.3.200:5003 and was told of nobody',
    ]);
  });

  test('with many real servers the name stands instead', () => {
    const plan = planLab('demo', 'dr', 20);
    expect(requestLine(plan, result(3, { server: 'rs17' }))).toMatch(/^ {6}3 +rs17 +1\.3$/);
  });
});

describe('the summary', () => {
  test('counts by real server, also one that got nothing', () => {
    const summary = summarize(PLAN, OPTIONS, 'packet', [result(1), result(2), result(3, LOST)], 0.51234);
    expect(summary).toEqual({
      method: 'dr',
      scheduler: 'rr',
      io: 'packet',
      requests: 3,
      failed: 1,
      perRealServer: { rs1: 2, rs2: 0 },
      seconds: 0.512,
    });
    expect(summaryLines(PLAN, summary)).toEqual([
      'rs1        2 requests  100 %',
      'rs2        0 requests    0 %',
      '2 of 3 requests answered in 0.51 s',
    ]);
  });

  test.each([
    ['answered', {}, false],
    ['answered, payload intact', { intact: true }, false],
    ['payload damaged', { intact: false }, true],
    ['nobody answered', LOST, true],
  ])('%s: failure %#', (_name, more, expected) => {
    expect(isFailure(result(1, more))).toBe(expected);
  });

  test('of nothing at all has no division by zero', () => {
    expect(summaryLines(PLAN, summarize(PLAN, OPTIONS, 'packet', [], 0)).join()).not.toContain('NaN');
  });
});

describe('the live view', () => {
  const sim = new Simulation(PLAN, { scheduler: 'rr', seed: 1 });
  sim.request();
  const before = sim.status();
  for (let i = 0; i < 4; i++) sim.request();
  const pair = { before, after: sim.status(), seconds: 2 };

  test('shows rates between two looks: two connections of four packets each, on each of two servers, in two seconds', () => {
    const [heading, first, second] = liveLines(PLAN, OPTIONS, pair);
    expect(heading).toMatch(/^server +address +conn\/s +packets\/s +KB\/s +active +inactive +in all$/);
    expect(Math.max(...[heading, first].map((line) => line?.length ?? 0))).toBeLessThan(80);
    expect(first).toMatch(/^rs1 +10\.77\.0\.11:80 +1\.0 +4\.0 /);
    expect(second).toMatch(/^rs2 +10\.77\.0\.12:80 +1\.0 +4\.0 /);
  });

  test('fits one line where there is no terminal', () => {
    expect(liveLine(PLAN, OPTIONS, pair)).toMatch(
      /^rs1 1\.0\/s \(0 active, \d inactive\) {3}rs2 1\.0\/s \(0 active, \d inactive\)$/,
    );
  });
});
