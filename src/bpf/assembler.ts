/**
 * A small eBPF assembler (instruction set: RFC 9669). Statements read as they act: `a.set('r7', '+=', 8)`,
 * `a.jumpIf('r0', '==', 0, 'pass')`. Jumps go forward only, so every program ends; the kernel's verifier need not think about loops.
 * Little-endian machines.
 *
 *     byte  0       1          2..3     4..7
 *           opcode  src | dst  offset   immediate
 */
import { assert } from '../base/assert.ts';

/** r0 result, r1 to r5 arguments (lost in a call), r6 to r9 kept, r10 frame pointer (read only). */
export type Register = 'r0' | 'r1' | 'r2' | 'r3' | 'r4' | 'r5' | 'r6' | 'r7' | 'r8' | 'r9' | 'r10';

/** A number is an immediate of 32 bits. */
export type Operand = Register | number;

/** Named bytes on the stack; `offset` counts from the frame pointer and is negative. */
export interface StackField {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** A BPF map, by file descriptor; the name is for the listing. */
export interface MapReference {
  readonly name: string;
  readonly fd: number;
}

/** Bytes that one load or store can move. */
export type MoveBytes = 1 | 2 | 4 | 8;

const STACK_BYTES = 512;
const INSTRUCTION_BYTES = 8;

const Class = {
  load: 0x00,
  loadMemory: 0x01,
  storeNumber: 0x02,
  storeRegister: 0x03,
  alu32: 0x04,
  jump: 0x05,
  jump32: 0x06,
  alu64: 0x07,
};
const SIZE = { 1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18 } as const;
const MODE_MEMORY = 0x60;
const FROM_REGISTER = 0x08;
const PSEUDO_MAP_FD = 1;
const TO_BIG_ENDIAN = 0xd0 | 0x08;
const JUMP_ALWAYS = 0x00;
const CALL = 0x80;
const EXIT = 0x90;

const OPERATION = {
  '+=': 0x00,
  '-=': 0x10,
  '*=': 0x20,
  '|=': 0x40,
  '&=': 0x50,
  '<<=': 0x60,
  '>>=': 0x70,
  '^=': 0xa0,
  '=': 0xb0,
} as const;
export type Operation = keyof typeof OPERATION;

/** Unsigned but for those that begin with s; `&` holds when any bit is common. */
const CONDITION = {
  '==': 0x10,
  '>': 0x20,
  '>=': 0x30,
  '&': 0x40,
  '!=': 0x50,
  's>': 0x60,
  's>=': 0x70,
  '<': 0xa0,
  '<=': 0xb0,
  's<': 0xc0,
  's<=': 0xd0,
} as const;
export type Condition = keyof typeof CONDITION;

/** Numbers of the kernel's helper functions (part of its stable interface). */
const HELPER = { map_lookup_elem: 1, skb_load_bytes: 26, redirect_map: 51, xdp_load_bytes: 189 } as const;
export type Helper = keyof typeof HELPER;

interface Instruction {
  readonly opcode: number;
  readonly to: number;
  readonly from: number;
  readonly offset: number;
  readonly immediate: number;
  /** For people; the second slot of a two-slot instruction has none. */
  readonly text: string;
  /** Jumps: the label, and `offset` is filled in at the end. */
  readonly target?: string;
}

export class Assembler {
  readonly #instructions: Instruction[] = [];
  readonly #labels = new Map<string, number>();
  #uniqueCount = 0;
  #stackBytes = 0;

  /** Takes `bytes` of the stack, aligned for moves of up to 8 bytes. */
  field(name: string, bytes: number): StackField {
    this.#stackBytes = Math.ceil((this.#stackBytes + bytes) / 8) * 8;
    assert(this.#stackBytes <= STACK_BYTES, `the stack of ${STACK_BYTES} bytes has room for ${name}`);
    return { name, offset: -this.#stackBytes, bytes };
  }

  /** A label name that no other has, for code that is written out more than once. */
  unique(name: string): string {
    return `${name}.${++this.#uniqueCount}`;
  }

  /** The next instruction is where jumps to `name` arrive. */
  label(name: string): void {
    assert(!this.#labels.has(name), `label ${name} is placed once`);
    this.#labels.set(name, this.#instructions.length);
  }

  /** 64-bit arithmetic: `to = to op value`; an immediate is sign-extended. */
  set(to: Register, operation: Operation, value: Operand): void {
    this.#alu(Class.alu64, to, operation, value, to);
  }

  /** 32-bit arithmetic; the upper half of `to` becomes zero. */
  set32(to: Register, operation: Operation, value: Operand): void {
    this.#alu(Class.alu32, to, operation, value, `w${number(to)}`);
  }

  /** Reads the low 16 or 32 bits, as they came from memory, as network order; the rest becomes zero. */
  fromNetworkOrder(register: Register, bits: 16 | 32): void {
    this.#emit(Class.alu32 | TO_BIG_ENDIAN, register, 'r0', 0, bits, `${register} = be${bits} ${register}`);
  }

  /** `to` = the bytes at `base` + `offset`, zero-extended, in the machine's order. */
  load(to: Register, bytes: MoveBytes, base: Register, offset: number): void {
    const text = `${to} = u${bytes * 8} [${base}${signed(offset)}]`;
    this.#emit(Class.loadMemory | MODE_MEMORY | SIZE[bytes], to, base, offset, 0, text);
  }

  /** The opposite of `load`; an immediate is cut to size. */
  store(bytes: MoveBytes, base: Register, offset: number, value: Operand): void {
    this.#store(bytes, base, offset, value, `u${bytes * 8} [${base}${signed(offset)}] = ${value}`);
  }

  /** `load` of a whole stack field. */
  loadField(to: Register, field: StackField): void {
    const opcode = Class.loadMemory | MODE_MEMORY | SIZE[moveBytes(field)];
    this.#emit(opcode, to, 'r10', field.offset, 0, `${to} = ${field.name}`);
  }

  /** `store` to a whole stack field. */
  storeField(field: StackField, value: Operand): void {
    this.#store(moveBytes(field), 'r10', field.offset, value, `${field.name} = ${value}`);
  }

  /** `to` = a pointer to a stack field. */
  pointTo(to: Register, field: StackField): void {
    this.set(to, '=', 'r10');
    this.#emit(Class.alu64 | OPERATION['+='], to, 'r0', 0, field.offset, `${to} += ${field.offset}  // ${field.name}`);
  }

  /** `to` = a pointer to a map. Two slots: the immediate has 64 bits. */
  loadMap(to: Register, map: MapReference): void {
    const opcode = Class.load | SIZE[8];
    this.#instructions.push({
      opcode,
      to: number(to),
      from: PSEUDO_MAP_FD,
      offset: 0,
      immediate: map.fd,
      text: `${to} = map ${map.name}`,
    });
    this.#instructions.push({ opcode: 0, to: 0, from: 0, offset: 0, immediate: 0, text: '' });
  }

  /** r0 = helper(r1, ..., r5); r1 to r5 are lost. */
  call(helper: Helper): void {
    this.#emit(Class.jump | CALL, 'r0', 'r0', 0, HELPER[helper], `r0 = ${helper}(...)`);
  }

  jump(target: string): void {
    this.#jump(Class.jump | JUMP_ALWAYS, 'r0', 0, target, `goto ${target}`);
  }

  /** Compares 64 bits; an immediate is sign-extended. */
  jumpIf(register: Register, condition: Condition, value: Operand, target: string): void {
    this.#jump(Class.jump | CONDITION[condition], register, value, target, `if ${register} ${condition} ${value} goto ${target}`);
  }

  /** Compares the low 32 bits. */
  jumpIf32(register: Register, condition: Condition, value: Operand, target: string): void {
    const text = `if w${number(register)} ${condition} ${value} goto ${target}`;
    this.#jump(Class.jump32 | CONDITION[condition], register, value, target, text);
  }

  /** Ends the program with the result in r0. */
  exit(): void {
    this.#emit(Class.jump | EXIT, 'r0', 'r0', 0, 0, 'exit');
  }

  /** The program as the kernel takes it. Every label that is jumped to must have been placed. */
  assemble(): Uint8Array {
    const bytes = new Uint8Array(this.#instructions.length * INSTRUCTION_BYTES);
    const view = new DataView(bytes.buffer);
    for (const [i, instruction] of this.#instructions.entries()) {
      const at = i * INSTRUCTION_BYTES;
      view.setUint8(at, instruction.opcode);
      view.setUint8(at + 1, (instruction.from << 4) | instruction.to);
      view.setInt16(at + 2, instruction.target === undefined ? instruction.offset : this.#distance(i, instruction.target), true);
      view.setInt32(at + 4, instruction.immediate, true);
    }
    return bytes;
  }

  /** One line per instruction, labels on lines of their own. */
  list(): string[] {
    const lines: string[] = [];
    for (let i = 0; i <= this.#instructions.length; i++) {
      for (const [name, place] of this.#labels) if (place === i) lines.push(`${name}:`);
      const text = this.#instructions[i]?.text ?? '';
      if (text !== '') lines.push(`${String(i).padStart(5)}  ${text}`);
    }
    return lines;
  }

  #distance(from: number, target: string): number {
    const place = this.#labels.get(target);
    assert(place !== undefined, `label ${target} is placed somewhere`);
    assert(place < this.#instructions.length, `an instruction follows label ${target}`);
    const distance = place - from - 1;
    assert(distance <= 0x7fff, `label ${target} is within reach of a jump`);
    return distance;
  }

  #alu(kind: number, to: Register, operation: Operation, value: Operand, name: string): void {
    const isRegister = typeof value === 'string';
    const opcode = kind | OPERATION[operation] | (isRegister ? FROM_REGISTER : 0);
    this.#emit(opcode, to, isRegister ? value : 'r0', 0, isRegister ? 0 : value, `${name} ${operation} ${value}`);
  }

  #store(bytes: MoveBytes, base: Register, offset: number, value: Operand, text: string): void {
    const isRegister = typeof value === 'string';
    const opcode = (isRegister ? Class.storeRegister : Class.storeNumber) | MODE_MEMORY | SIZE[bytes];
    this.#emit(opcode, base, isRegister ? value : 'r0', offset, isRegister ? 0 : value, text);
  }

  #jump(opcode: number, register: Register, value: Operand, target: string, text: string): void {
    assert(!this.#labels.has(target), `jumps go forward, and ${target} is behind`);
    const isRegister = typeof value === 'string';
    const immediate = isRegister ? 0 : checkedImmediate(value);
    const from = isRegister ? number(value) : 0;
    const full = opcode | (isRegister ? FROM_REGISTER : 0);
    this.#instructions.push({ opcode: full, to: number(register), from, offset: 0, immediate, text, target });
  }

  #emit(opcode: number, to: Register, from: Register, offset: number, immediate: number, text: string): void {
    assert(offset >= -0x8000 && offset <= 0x7fff, 'an offset has 16 bits');
    this.#instructions.push({ opcode, to: number(to), from: number(from), offset, immediate: checkedImmediate(immediate), text });
  }
}

/** Some bytes of a stack field, under the name `field.name`. */
export function part(of: StackField, name: string, offset: number, bytes: number): StackField {
  assert(offset >= 0 && offset + bytes <= of.bytes, `${name} lies within ${of.name}`);
  return { name: `${of.name}.${name}`, offset: of.offset + offset, bytes };
}

function number(register: Register): number {
  return Number(register.slice(1));
}

function signed(offset: number): string {
  return offset < 0 ? `${offset}` : `+${offset}`;
}

function moveBytes(field: StackField): MoveBytes {
  const { bytes } = field;
  assert(bytes === 1 || bytes === 2 || bytes === 4 || bytes === 8, `${field.name} fits one move`);
  return bytes;
}

function checkedImmediate(value: number): number {
  assert(Number.isInteger(value) && value >= -0x8000_0000 && value <= 0xffff_ffff, 'an immediate has 32 bits');
  return value | 0;
}
