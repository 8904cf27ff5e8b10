import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Family, Protocol } from '../../src/base/terms.ts';
import { Reassembly } from '../../src/lab/reassembly.ts';
import { Flow } from '../../src/packet/flow.ts';

/** One fragment as the parser describes it, its payload in memory of its own. */
function fragment(payload: Uint8Array, offset: number, more: boolean, id = 1): { v: DataView; flow: Flow } {
  const flow = new Flow();
  flow.family = Family.v4;
  flow.protocol = Protocol.ipip;
  flow.fragmentId = id;
  flow.fragmentOffset = offset;
  flow.moreFragments = more ? 1 : 0;
  flow.l4 = 3;
  flow.end = 3 + payload.length;
  const bytes = new Uint8Array(flow.end);
  bytes.set(payload, 3);
  return { v: new DataView(bytes.buffer), flow };
}

function pieces(payload: Uint8Array, pieceBytes: number, id?: number): { v: DataView; flow: Flow }[] {
  const count = Math.ceil(payload.length / pieceBytes);
  return Array.from({ length: count }, (_, i) => {
    const at = i * pieceBytes;
    return fragment(payload.slice(at, at + pieceBytes), at, i < count - 1, id);
  });
}

describe('datagrams put together from fragments', () => {
  test('come out whole with the last piece, in whatever order the pieces came', () => {
    const cases = fc.record({
      payload: fc.uint8Array({ minLength: 9, maxLength: 300 }),
      units: fc.integer({ min: 1, max: 8 }),
      order: fc.infiniteStream(fc.nat()),
    });
    fc.assert(
      fc.property(cases, ({ payload, units, order }) => {
        const waiting = pieces(payload, units * 8);
        const reassembly = new Reassembly();
        while (waiting.length > 0) {
          const [{ v, flow }] = waiting.splice(order.next().value % waiting.length, 1) as [{ v: DataView; flow: Flow }];
          expect(reassembly.add(v, flow)).toEqual(waiting.length === 0 ? payload : undefined);
        }
      }),
    );
  });

  test('do not mix: another identification is another datagram', () => {
    const [one, other] = [new Uint8Array(16).fill(1), new Uint8Array(16).fill(2)];
    const [oneHead, oneTail] = pieces(one, 8, 1) as [{ v: DataView; flow: Flow }, { v: DataView; flow: Flow }];
    const [otherHead, otherTail] = pieces(other, 8, 2) as [{ v: DataView; flow: Flow }, { v: DataView; flow: Flow }];
    const reassembly = new Reassembly();
    expect(reassembly.add(oneHead.v, oneHead.flow)).toBeUndefined();
    expect(reassembly.add(otherTail.v, otherTail.flow)).toBeUndefined();
    expect(reassembly.add(oneTail.v, oneTail.flow)).toEqual(one);
    expect(reassembly.add(otherHead.v, otherHead.flow)).toEqual(other);
  });

  test('are forgotten, the oldest first, when too many are under way', () => {
    const reassembly = new Reassembly();
    const [head, tail] = pieces(new Uint8Array(16), 8, 1000) as [{ v: DataView; flow: Flow }, { v: DataView; flow: Flow }];
    reassembly.add(head.v, head.flow);
    for (let id = 0; id < 64; id++) {
      const { v, flow } = fragment(new Uint8Array(8), 0, true, id);
      reassembly.add(v, flow);
    }
    expect(reassembly.add(tail.v, tail.flow)).toBeUndefined();
  });
});
