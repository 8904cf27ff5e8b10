import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { CHUNK_BYTES, FRAME_IN_CHUNK, XdpMemory } from '../../src/io/xdpMemory.ts';
import { FrameArena } from '../../src/memory/frameArena.ts';

const CHUNKS = 32;

function newMemory(): XdpMemory {
  const arena = new FrameArena(new ArrayBuffer(4 * 65_536));
  arena.reserve(100);
  const memory = new XdpMemory(arena, CHUNKS);
  memory.addPort();
  memory.addPort();
  return memory;
}

/** A chunk that port 1 has received and the worker holds; offset in the arena of its frame. */
function heldFrame(memory: XdpMemory): number {
  const address = memory.take(1);
  memory.hold(address + FRAME_IN_CHUNK, 1);
  return memory.at + address + FRAME_IN_CHUNK;
}

test('it lies on a page of any size, behind what was reserved before', () => {
  expect(newMemory().at % 65_536).toBe(0);
  expect(newMemory().at).toBeGreaterThan(0);
});

test('an arena that is too small is refused with a hint', () => {
  const arena = new FrameArena(new ArrayBuffer(65_536));
  expect(() => new XdpMemory(arena, 64)).toThrow(expect.objectContaining({ code: 'CAPACITY_EXCEEDED' }));
});

test('every chunk is given out once, then there is none', () => {
  const memory = newMemory();
  const taken = Array.from({ length: CHUNKS }, () => memory.take(1));
  expect(new Set(taken).size).toBe(CHUNKS);
  expect(memory.take(1)).toBe(NONE);
});

test('a frame in the worker’s hands moves to a port, and to one only', () => {
  const memory = newMemory();
  const at = heldFrame(memory);
  expect(memory.move(at, 60, 2)).toBe(true);
  expect(memory.move(at, 60, 1)).toBe(false);
  memory.release(at);
  expect(memory.freeCount).toBe(CHUNKS - 1);
});

test.each([
  ['outside the memory', (memory: XdpMemory) => memory.at - 64, 60],
  ['behind the memory', (memory: XdpMemory) => memory.at + memory.bytes, 60],
  ['that nobody holds', (memory: XdpMemory) => memory.at + 300, 60],
  ['that reaches into the next chunk', (memory: XdpMemory) => heldFrame(memory), CHUNK_BYTES - FRAME_IN_CHUNK + 1],
])('a frame %s does not move', (_name, at, bytes) => {
  const memory = newMemory();
  expect(memory.move(at(memory), bytes, 1)).toBe(false);
});

test('a chunk is freed once, however often it is given back', () => {
  const memory = newMemory();
  const at = heldFrame(memory);
  memory.release(at);
  memory.release(at);
  memory.free(at - memory.at);
  expect(memory.freeCount).toBe(CHUNKS);
});

test('a port that closes gives up what is in its rings and what it had received, and nothing else', () => {
  const memory = newMemory();
  heldFrame(memory);
  memory.take(1);
  const other = memory.take(2);
  memory.freeAllOf(1);
  expect(memory.freeCount).toBe(CHUNKS - 1);
  expect(memory.countHeldBy(2)).toBe(1);
  memory.free(other);
  expect(memory.freeCount).toBe(CHUNKS);
});

test('any sequence of steps agrees with a model, and no chunk is lost', () => {
  const step = fc.tuple(
    fc.constantFrom('take', 'hold', 'move', 'free', 'release', 'close'),
    fc.nat(CHUNKS - 1),
    fc.constantFrom(1, 2),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const memory = newMemory();
      /** Chunk -> port; negative when the worker holds it. */
      const model = new Map<number, number>();
      for (const [kind, chunk, port] of steps) {
        const address = chunk * CHUNK_BYTES;
        const holder = model.get(chunk) ?? 0;
        if (kind === 'take') {
          const taken = memory.take(port);
          if (taken !== NONE) model.set(taken / CHUNK_BYTES, port);
        } else if (kind === 'hold' && holder > 0) {
          memory.hold(address + FRAME_IN_CHUNK, holder);
          model.set(chunk, -holder);
        } else if (kind === 'move') {
          expect(memory.move(memory.at + address + 100, 60, port)).toBe(holder < 0);
          if (holder < 0) model.set(chunk, port);
        } else if (kind === 'free') {
          memory.free(address + 77);
          if (holder > 0) model.delete(chunk);
        } else if (kind === 'release') {
          memory.release(memory.at + address + 99);
          if (holder < 0) model.delete(chunk);
        } else if (kind === 'close') {
          memory.freeAllOf(port);
          for (const [other, who] of model) if (Math.abs(who) === port) model.delete(other);
        }
        expect(memory.freeCount).toBe(CHUNKS - model.size);
      }
    }),
  );
});
