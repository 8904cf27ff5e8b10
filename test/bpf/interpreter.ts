/**
 * A slow, strict eBPF machine for tests (RFC 9669; the part that the selector uses). It knows nothing of the assembler. It traps, by an
 * Error, on all that the kernel's verifier would refuse on the path taken: reads of what was never written, accesses outside the
 * stack, a map value or the context, arithmetic on pointers other than adding, jumps backwards, unknown instructions.
 */

export interface BpfMap {
  /** Hash map, or map of prefixes: hexadecimal key -> value. */
  readonly entries?: ReadonlyMap<string, Uint8Array>;
  readonly keyBytes?: number;
  /** The longest entry that begins the key is found; the first four bytes of keys are lengths in bits. */
  readonly isPrefixes?: boolean;
  /** Socket map: indices that have a socket. */
  readonly sockets?: ReadonlySet<number>;
}

export interface Machine {
  readonly frame: Uint8Array;
  /** The readable words of the context, by offset. */
  readonly context: ReadonlyMap<number, number>;
  readonly maps: ReadonlyMap<number, BpfMap>;
}

export interface Outcome {
  /** r0 at the end, low 32 bits, unsigned. */
  readonly result: number;
  readonly instructions: number;
}

interface Region {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** 1 where a byte has been written; undefined = all. */
  readonly written?: Uint8Array;
}
type Pointer = { readonly region: Region; readonly at: number };
type Value = bigint | Pointer | { readonly map: BpfMap } | 'context' | undefined;

const XDP_REDIRECT = 4;
const EFAULT = -14n;
const SIZES: Record<number, number> = { 0: 4, 8: 2, 16: 1, 24: 8 };

/** Runs to `exit`. */
export function run(program: Uint8Array, machine: Machine): Outcome {
  return new Run(program, machine).toEnd();
}

class Run {
  readonly #code: DataView;
  readonly #machine: Machine;
  readonly #stack: Region = { name: 'stack', bytes: new Uint8Array(512), written: new Uint8Array(512) };
  readonly #registers: Value[] = new Array(11).fill(undefined);
  #at = 0;
  #steps = 0;

  constructor(program: Uint8Array, machine: Machine) {
    this.#code = new DataView(program.buffer, program.byteOffset, program.byteLength);
    this.#machine = machine;
    this.#registers[1] = 'context';
    this.#registers[10] = { region: this.#stack, at: 512 };
  }

  toEnd(): Outcome {
    while (this.#step()) this.#steps++;
    return { result: Number(BigInt.asUintN(32, this.#scalar(0))), instructions: this.#steps };
  }

  #step(): boolean {
    const at = this.#at * 8;
    if (at >= this.#code.byteLength) throw new Error('ran past the end');
    const opcode = this.#code.getUint8(at);
    const to = this.#code.getUint8(at + 1) & 15;
    const from = this.#code.getUint8(at + 1) >> 4;
    const offset = this.#code.getInt16(at + 2, true);
    const immediate = this.#code.getInt32(at + 4, true);
    this.#at++;
    if (opcode === 0x95) return false;
    if (opcode === 0x85) this.#call(immediate);
    else if (opcode === 0x18) this.#loadMap(to, from, immediate);
    else if ((opcode & 7) === 1) this.#registers[to] = this.#load(this.#registers[from], offset, sizeOf(opcode));
    else if ((opcode & 7) === 2) this.#store(this.#registers[to], offset, sizeOf(opcode), BigInt(immediate));
    else if ((opcode & 7) === 3) this.#store(this.#registers[to], offset, sizeOf(opcode), this.#scalar(from));
    else if ((opcode & 7) === 5 || (opcode & 7) === 6) this.#jump(opcode, to, from, offset, immediate);
    else this.#alu(opcode, to, from, immediate);
    return true;
  }

  #scalar(register: number): bigint {
    const value = this.#registers[register];
    if (typeof value !== 'bigint') throw new Error(`r${register} is no number`);
    return value;
  }

  #loadMap(to: number, kind: number, fd: number): void {
    const map = this.#machine.maps.get(fd);
    if (kind !== 1 || map === undefined || this.#code.getUint8(this.#at * 8) !== 0) throw new Error(`no map ${fd}`);
    this.#registers[to] = { map };
    this.#at++;
  }

  #load(base: Value, offset: number, size: number): bigint {
    if (base === 'context') {
      const word = this.#machine.context.get(offset);
      if (size !== 4 || word === undefined) throw new Error(`no context word at ${offset}`);
      return BigInt.asUintN(32, BigInt(word));
    }
    const { region, at } = within(base, offset, size);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) {
      if (region.written?.[at + i] === 0) throw new Error(`stack byte ${at + i - 512} was never written`);
      value = (value << 8n) | BigInt(region.bytes[at + i]!);
    }
    return value;
  }

  #store(base: Value, offset: number, size: number, value: bigint): void {
    const { region, at } = within(base, offset, size);
    for (let i = 0; i < size; i++) {
      region.bytes[at + i] = Number((BigInt.asUintN(64, value) >> BigInt(8 * i)) & 255n);
      region.written?.fill(1, at + i, at + i + 1);
    }
  }

  #jump(opcode: number, to: number, from: number, offset: number, immediate: number): void {
    if (offset < 0) throw new Error('a jump goes backwards');
    if ((opcode & 0xf0) === 0 || this.#holds(opcode, to, from, immediate)) this.#at += offset;
  }

  #holds(opcode: number, to: number, from: number, immediate: number): boolean {
    const left = this.#registers[to];
    const isNull = immediate === 0 && (opcode & 8) === 0;
    if (typeof left === 'object' && 'region' in left && isNull) return opcode >> 4 === 5;
    const bits = (opcode & 7) === 6 ? 32 : 64;
    const a = BigInt.asUintN(bits, this.#scalar(to));
    const b = BigInt.asUintN(bits, opcode & 8 ? this.#scalar(from) : BigInt(immediate));
    switch (opcode >> 4) {
      case 1:
        return a === b;
      case 2:
        return a > b;
      case 3:
        return a >= b;
      case 4:
        return (a & b) !== 0n;
      case 5:
        return a !== b;
      case 10:
        return a < b;
      case 11:
        return a <= b;
      default:
        return signedHolds(opcode >> 4, BigInt.asIntN(bits, a), BigInt.asIntN(bits, b));
    }
  }

  #alu(opcode: number, to: number, from: number, immediate: number): void {
    if (opcode === 0xdc) {
      this.#registers[to] = swapped(this.#scalar(to), immediate);
      return;
    }
    if (opcode === 0xbf) {
      if (this.#registers[from] === undefined) throw new Error(`r${from} was never written`);
      this.#registers[to] = this.#registers[from];
      return;
    }
    if (to === 10) throw new Error('the frame pointer is read only');
    const left = this.#registers[to];
    if (typeof left === 'object' && 'region' in left && opcode === 0x07) {
      this.#registers[to] = { region: left.region, at: left.at + immediate };
      return;
    }
    const bits = (opcode & 7) === 7 ? 64 : 32;
    const b = BigInt.asUintN(bits, opcode & 8 ? this.#scalar(from) : BigInt(immediate));
    const a = opcode >> 4 === 11 ? 0n : BigInt.asUintN(bits, this.#scalar(to));
    this.#registers[to] = BigInt.asUintN(bits, calculated(opcode >> 4, a, b, BigInt(bits - 1)));
  }

  #call(helper: number): void {
    const result = this.#result(helper);
    this.#registers.fill(undefined, 1, 6);
    this.#registers[0] = result;
  }

  #result(helper: number): Value {
    switch (helper) {
      case 1:
        return this.#lookup();
      case 26:
      case 189:
        return this.#loadBytes();
      case 51: {
        const sockets = this.#mapIn(1).sockets;
        if (sockets === undefined) throw new Error('redirect_map wants a socket map');
        return sockets.has(Number(this.#scalar(2))) ? BigInt(XDP_REDIRECT) : this.#scalar(3);
      }
      default:
        throw new Error(`no helper ${helper}`);
    }
  }

  #mapIn(register: number): BpfMap {
    const value = this.#registers[register];
    if (typeof value !== 'object' || !('map' in value)) throw new Error(`r${register} is no map`);
    return value.map;
  }

  #lookup(): Value {
    const { entries, keyBytes, isPrefixes = false } = this.#mapIn(1);
    if (entries === undefined || keyBytes === undefined) throw new Error('map_lookup_elem wants a hash map');
    let key = '';
    for (let i = 0; i < keyBytes; i++)
      key += Number(this.#load(this.#registers[2], i, 1))
        .toString(16)
        .padStart(2, '0');
    const found = isPrefixes ? longestPrefix(entries, key) : entries.get(key);
    return found === undefined ? 0n : { region: { name: 'map value', bytes: found }, at: 0 };
  }

  #loadBytes(): bigint {
    if (this.#registers[1] !== 'context') throw new Error('r1 is not the context');
    const from = Number(this.#scalar(2));
    const bytes = Number(this.#scalar(4));
    const { region, at } = within(this.#registers[3], 0, bytes);
    if (bytes === 0 || from + bytes > this.#machine.frame.length) {
      region.written?.fill(0, at, at + bytes); // a program that looks there all the same is caught
      return BigInt.asUintN(64, EFAULT);
    }
    for (let i = 0; i < bytes; i++) this.#store(this.#registers[3], i, 1, BigInt(this.#machine.frame[from + i]!));
    return 0n;
  }
}

function sizeOf(opcode: number): number {
  if ((opcode & 0xe0) !== 0x60) throw new Error(`unknown instruction ${opcode}`);
  return SIZES[opcode & 0x18]!;
}

/** The place of `size` bytes; the kernel wants them aligned on the stack. */
function within(base: Value, offset: number, size: number): Pointer {
  if (typeof base !== 'object' || !('region' in base)) throw new Error('not a pointer');
  const at = base.at + offset;
  if (at < 0 || at + size > base.region.bytes.length)
    throw new Error(`${size} bytes at ${at} lie outside the ${base.region.name}`);
  if (size <= 8 && at % size !== 0) throw new Error(`${size} bytes at ${at} are not aligned`);
  return { region: base.region, at };
}

function signedHolds(condition: number, a: bigint, b: bigint): boolean {
  switch (condition) {
    case 6:
      return a > b;
    case 7:
      return a >= b;
    case 12:
      return a < b;
    case 13:
      return a <= b;
    default:
      throw new Error(`unknown condition ${condition}`);
  }
}

function calculated(operation: number, a: bigint, b: bigint, shiftMask: bigint): bigint {
  switch (operation) {
    case 0:
      return a + b;
    case 1:
      return a - b;
    case 2:
      return a * b;
    case 4:
      return a | b;
    case 5:
      return a & b;
    case 6:
      return a << (b & shiftMask);
    case 7:
      return a >> (b & shiftMask);
    case 10:
      return a ^ b;
    case 11:
      return b;
    default:
      throw new Error(`unknown operation ${operation}`);
  }
}

function swapped(value: bigint, bits: number): bigint {
  let out = 0n;
  for (let i = 0; i < bits; i += 8) out = (out << 8n) | ((value >> BigInt(i)) & 255n);
  return out;
}

/** As the kernel's trie: an entry fits when its own number of bits behind the length is equal, and is no more than the key asks for. */
function longestPrefix(entries: ReadonlyMap<string, Uint8Array>, key: string): Uint8Array | undefined {
  const wanted = bitsOf(key);
  const fitting = [...entries].filter(([entry]) => {
    const bits = lengthOf(entry);
    return bits <= lengthOf(key) && bitsOf(entry).slice(0, bits) === wanted.slice(0, bits);
  });
  return fitting.toSorted(([a], [b]) => lengthOf(b) - lengthOf(a))[0]?.[1];
}

function lengthOf(hexKey: string): number {
  const bytes = [0, 2, 4, 6].map((at) => Number.parseInt(hexKey.slice(at, at + 2), 16));
  return new Uint32Array(Uint8Array.from(bytes).buffer)[0]!;
}

function bitsOf(hexKey: string): string {
  return [...hexKey.slice(8)].map((digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0')).join('');
}
