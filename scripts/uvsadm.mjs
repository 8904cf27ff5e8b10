#!/usr/bin/env node
// The client behind the command `uvsadm`, for any Node from 18 on; scripts/uvsadm.sh starts it. Sends its words to the director, which
// does the work, and writes what comes back. `--socket PATH` or UVS_SOCKET says where the director listens; `--watch [SECONDS]` lists
// again and again; `--program=NAME` comes from the launcher, for messages follow the name.
import { readFileSync, writeSync } from 'node:fs';
import { connect } from 'node:net';
import { basename } from 'node:path';
import { isatty } from 'node:tty';

const DEFAULT_SOCKET = '/run/uvs/uvs.sock';
/** As src/uvsadm/helpText.ts has it: asking for it must not need a director. */
const VERSION = 'ipvsadm v1.31 2019/12/24 (compiled with popt and IPVS v1.2.1)';
const EXIT_USAGE = 2;
const EXIT_REFUSED = 255;
/** Of a reader that is gone, as a shell sees the end by SIGPIPE. */
const EXIT_BROKEN_PIPE = 141;
/** Of silence: every command says something, or ends, much sooner. */
const IDLE_MS = 60_000;
const DEFAULT_WATCH_SECONDS = 2;
const RETRY_MS = 5;

const { program, socketPath, args } = readArguments(process.argv.slice(2));

/** Our own options stand before everything else; the rest is the director's to judge. */
function readArguments(words) {
  let name = basename(process.argv[1], '.mjs');
  let path = process.env['UVS_SOCKET'] || DEFAULT_SOCKET;
  let rest = words;
  for (;;) {
    const [word = '', next = ''] = rest;
    if (word.startsWith('--program=')) name = word.slice('--program='.length);
    else if (word.startsWith('--socket=')) path = word.slice('--socket='.length);
    else if (word === '--socket') path = next;
    else return { program: name, socketPath: path, args: rest };
    if (path === '') fail(EXIT_USAGE, `${name}: --socket needs a path`);
    rest = rest.slice(word === '--socket' ? 2 : 1);
  }
}

/** Writes all of it, however slow the reader is: until then nothing more is taken from the director. */
function write(descriptor, text) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(EXIT_BROKEN_PIPE);
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

function fail(code, ...lines) {
  write(2, lines.map((line) => `${line}\n`).join(''));
  process.exit(code);
}

/** The first option is the command, and only this one reads. */
function readsInput() {
  const command = args.find((arg) => arg.startsWith('-') && arg !== '-');
  return command !== undefined && (command === '--restore' || /^-R/.test(command));
}

function readInput() {
  try {
    return readFileSync(0, 'utf8');
  } catch (error) {
    return fail(EXIT_REFUSED, `${program}: cannot read standard input: ${error.message}`);
  }
}

/** Nobody listens, or not to us: what ipvsadm says without the kernel's module, and a hint. */
function failWithoutDirector(error) {
  const command = args.find((arg) => arg.startsWith('-'));
  if (command === '-v' || command === '--version') {
    write(1, `${program === 'ipvsadm' ? '' : `${program} of UVS, speaks as `}${VERSION}\n`);
    process.exit(0);
  }
  const isForbidden = error.code === 'EACCES' || error.code === 'EPERM';
  const reason = isForbidden ? 'Permission denied (you must be root)' : 'Protocol not available';
  const hint = isForbidden
    ? `The director's socket ${socketPath} is for the user that it runs as.`
    : `No director answers on ${socketPath}: is \`uvs run\` running?`;
  fail(EXIT_USAGE, `Can't initialize ipvs: ${reason}`, hint);
}

/** What comes from the director: a head of HTTP, then an object of JSON on each line. */
class Answer {
  exitCode;
  /** Undefined until all of it is there. */
  head;
  #rest = '';
  #onText;

  constructor(onText) {
    this.#onText = onText;
  }

  take(text) {
    this.#rest += text;
    if (this.head === undefined) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#rest.slice(0, end);
      this.#rest = this.#rest.slice(end + 4);
    }
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop();
    for (const line of lines) this.#takeLine(parsed(line));
  }

  #takeLine({ out, err, exit, error }) {
    if (out !== undefined) this.#onText(1, out);
    if (err !== undefined) this.#onText(2, err);
    if (exit !== undefined) this.exitCode = exit;
    if (error !== undefined) fail(EXIT_REFUSED, `${program}: ${error}`);
  }
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return fail(EXIT_REFUSED, `${program}: ${endText('')}`);
  }
}

/** Sends the command. @returns its exit code; `onText` has had all that it says by then */
function ask(body, onText) {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const answer = new Answer(onText);
    let isConnected = false;
    socket.setEncoding('utf8');
    let activeAt = performance.now();
    socket.setTimeout(IDLE_MS, () => {
      // While a pager holds up our own writing the director seems silent, too.
      if (performance.now() - activeAt >= IDLE_MS) fail(EXIT_REFUSED, `${program}: the director does not answer`);
      socket.setTimeout(IDLE_MS);
    });
    socket.on('connect', () => {
      isConnected = true;
      // Of HTTP/1.0, so that the answer is neither cut into chunks nor followed by anything.
      socket.write(`POST /v1/uvsadm HTTP/1.0\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`);
      socket.write(body);
    });
    socket.on('data', (text) => {
      answer.take(text);
      activeAt = performance.now();
    });
    socket.on('error', (error) => {
      if (!isConnected) failWithoutDirector(error);
    });
    socket.on('close', () => {
      if (answer.exitCode === undefined) fail(EXIT_REFUSED, `${program}: ${endText(answer.head ?? '')}`);
      resolve(answer.exitCode);
    });
  });
}

function endText(head) {
  return head.startsWith('HTTP/') ? 'the director ended before the command did' : `what listens on ${socketPath} is no director`;
}

/** The seconds of `--watch`, wherever it stands; undefined without it. */
function watchSeconds() {
  const at = args.findIndex((arg) => /^--watch(?:=|$)/.test(arg));
  if (at < 0) return undefined;
  const text = args[at].startsWith('--watch=') ? args[at].slice('--watch='.length) : args[at + 1];
  const seconds = Number(text);
  return text !== undefined && text !== '' && seconds > 0 ? seconds : DEFAULT_WATCH_SECONDS;
}

/** Each listing is written at a time, so that a terminal does not flicker. Ctrl-C ends it. */
async function watch(body, seconds) {
  const clear = isatty(1) ? '\x1b[H\x1b[2J' : '';
  process.on('SIGINT', () => process.exit(0));
  for (;;) {
    const texts = { 1: clear, 2: '' };
    const code = await ask(body, (descriptor, text) => {
      texts[descriptor] += text;
    });
    if (code !== 0) texts[1] = texts[1].slice(clear.length);
    write(1, texts[1]);
    write(2, texts[2]);
    if (code !== 0) return code;
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

const body = JSON.stringify({ program, args, ...(readsInput() ? { input: readInput() } : {}) });
const seconds = watchSeconds();
process.exitCode = seconds === undefined ? await ask(body, write) : await watch(body, seconds);
