import { describe, expect, test } from 'vitest';
import { Assembler, part } from '../../src/bpf/assembler.ts';
import { run } from './interpreter.ts';

/** One instruction (or two slots) as hexadecimal bytes, held against RFC 9669. */
const ENCODINGS: readonly [string, (a: Assembler) => void, string][] = [
  ['r6 = r1', (a) => a.set('r6', '=', 'r1'), 'bf 16 00 00 00 00 00 00'],
  ['r7 += 14', (a) => a.set('r7', '+=', 14), '07 07 00 00 0e 00 00 00'],
  ['w0 = -1', (a) => a.set32('r0', '=', 0xffff_ffff), 'b4 00 00 00 ff ff ff ff'],
  ['w2 ^= w3', (a) => a.set32('r2', '^=', 'r3'), 'ac 32 00 00 00 00 00 00'],
  ['r1 >>= 4', (a) => a.set('r1', '>>=', 4), '77 01 00 00 04 00 00 00'],
  ['r1 = be16 r1', (a) => a.fromNetworkOrder('r1', 16), 'dc 01 00 00 10 00 00 00'],
  ['r1 = be32 r1', (a) => a.fromNetworkOrder('r1', 32), 'dc 01 00 00 20 00 00 00'],
  ['r2 = u32 [r6+16]', (a) => a.load('r2', 4, 'r6', 16), '61 62 10 00 00 00 00 00'],
  ['r0 = u8 [r0-1]', (a) => a.load('r0', 1, 'r0', -1), '71 00 ff ff 00 00 00 00'],
  ['u16 [r10-2] = r8', (a) => a.store(2, 'r10', -2, 'r8'), '6b 8a fe ff 00 00 00 00'],
  ['u64 [r10-8] = 5', (a) => a.store(8, 'r10', -8, 5), '7a 0a f8 ff 05 00 00 00'],
  ['map', (a) => a.loadMap('r1', { name: 'm', fd: 0x1234 }), '18 11 00 00 34 12 00 00 00 00 00 00 00 00 00 00'],
  ['call map_lookup_elem', (a) => a.call('map_lookup_elem'), '85 00 00 00 01 00 00 00'],
  ['call skb_load_bytes', (a) => a.call('skb_load_bytes'), '85 00 00 00 1a 00 00 00'],
  ['call redirect_map', (a) => a.call('redirect_map'), '85 00 00 00 33 00 00 00'],
  ['call xdp_load_bytes', (a) => a.call('xdp_load_bytes'), '85 00 00 00 bd 00 00 00'],
  ['exit', (a) => a.exit(), '95 00 00 00 00 00 00 00'],
];

describe('an instruction', () => {
  test.each(ENCODINGS)('%s is encoded as RFC 9669 says', (_name, emit, expected) => {
    const a = new Assembler();
    emit(a);
    expect(hex(a.assemble())).toBe(expected);
  });

  test('with an immediate of more than 32 bits is refused', () => {
    expect(() => new Assembler().set('r0', '=', 0x1_0000_0000)).toThrow('an immediate has 32 bits');
  });

  test('with an offset of more than 16 bits is refused', () => {
    expect(() => new Assembler().load('r0', 4, 'r1', 0x8000)).toThrow('an offset has 16 bits');
  });
});

describe('a jump', () => {
  test('counts from the instruction behind it, and a map takes two slots', () => {
    const a = new Assembler();
    a.jumpIf('r1', '==', 'r2', 'end');
    a.loadMap('r3', { name: 'm', fd: 1 });
    a.label('end');
    a.exit();
    expect(hex(a.assemble().subarray(0, 8))).toBe('1d 21 02 00 00 00 00 00');
  });

  test('on 32 bits has a class of its own', () => {
    const a = new Assembler();
    a.jumpIf32('r1', '!=', 0xf200_0000, 'end');
    a.label('end');
    a.exit();
    expect(hex(a.assemble().subarray(0, 8))).toBe('56 01 00 00 00 00 00 f2');
  });

  test('to a label that is nowhere is refused', () => {
    const a = new Assembler();
    a.jump('nowhere');
    expect(() => a.assemble()).toThrow('label nowhere is placed somewhere');
  });

  test('to a label behind every instruction is refused', () => {
    const a = new Assembler();
    a.jump('end');
    a.label('end');
    expect(() => a.assemble()).toThrow('an instruction follows label end');
  });

  test('backwards is refused', () => {
    const a = new Assembler();
    a.label('again');
    expect(() => a.jump('again')).toThrow('jumps go forward');
  });

  test('over more than 32767 instructions is refused', () => {
    const a = new Assembler();
    a.jump('far');
    for (let i = 0; i < 0x8000; i++) a.set('r0', '=', 0);
    a.label('far');
    a.exit();
    expect(() => a.assemble()).toThrow('label far is within reach');
  });
});

describe('labels and fields', () => {
  test('a label is placed once, and unique ones differ', () => {
    const a = new Assembler();
    a.label('here');
    expect(() => a.label('here')).toThrow('label here is placed once');
    expect(a.unique('x')).not.toBe(a.unique('x'));
  });

  test('fields lie apart, aligned, within 512 bytes', () => {
    const a = new Assembler();
    const [first, second] = [a.field('first', 20), a.field('second', 1)];
    expect([first.offset, second.offset]).toEqual([-24, -32]);
    expect(() => a.field('third', 481)).toThrow('has room for third');
  });

  test('a part must lie within its field, and fit one move', () => {
    const a = new Assembler();
    const field = a.field('key', 20);
    expect(part(field, 'port', 2, 2).offset).toBe(-22);
    expect(() => part(field, 'tail', 18, 4)).toThrow('tail lies within key');
    expect(() => a.loadField('r0', field)).toThrow('key fits one move');
  });
});

test('the listing reads as the program acts, with labels and fields by name', () => {
  const a = new Assembler();
  const port = a.field('port', 2);
  a.storeField(port, 7);
  a.loadField('r0', port);
  a.jumpIf('r0', '==', 7, 'end');
  a.loadMap('r1', { name: 'sockets', fd: 9 });
  a.label('end');
  a.exit();
  expect(a.list()).toEqual([
    '    0  port = 7',
    '    1  r0 = port',
    '    2  if r0 == 7 goto end',
    '    3  r1 = map sockets',
    'end:',
    '    5  exit',
  ]);
});

/** r0 = 0x1_8000_0000 op 3, in 64 and in 32 bits. */
const ARITHMETIC = [
  ['+=', 0x8000_0003, 0x8000_0003],
  ['-=', 0x7fff_fffd, 0x7fff_fffd],
  ['*=', 0x8000_0000, 0x8000_0000],
  ['|=', 0x8000_0003, 0x8000_0003],
  ['&=', 0, 0],
  ['^=', 0x8000_0003, 0x8000_0003],
  ['<<=', 0, 0],
  ['>>=', 0x3000_0000, 0x1000_0000],
  ['=', 3, 3],
] as const;

test.each(ARITHMETIC)('the interpreter of these tests calculates %s in 64 and in 32 bits', (operation, wide, narrow) => {
  const results = (['set', 'set32'] as const).map((method) => {
    const a = new Assembler();
    a.set32('r0', '=', 0x8000_0000);
    a.set('r1', '=', 1);
    a.set('r1', '<<=', 32);
    a.set('r0', '+=', 'r1');
    a[method]('r0', operation, 3);
    a.exit();
    return run(a.assemble(), { frame: new Uint8Array(), context: new Map(), maps: new Map() }).result;
  });
  expect(results).toEqual([wide, narrow]);
});

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
