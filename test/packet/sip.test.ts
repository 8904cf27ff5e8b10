import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NONE } from '../../src/base/terms.ts';
import { callIdAt, callIdBytes } from '../../src/packet/sip.ts';
import { viewOf } from '../support/wireBytes.ts';

/** RFC 3261 section 24.2, F1, shortened. */
const INVITE = [
  'INVITE sip:bob@biloxi.example.com SIP/2.0',
  'Via: SIP/2.0/UDP pc33.atlanta.example.com;branch=z9hG4bKnashds8',
  'Max-Forwards: 70',
  'To: Bob <sip:bob@biloxi.example.com>',
  'From: Alice <sip:alice@atlanta.example.com>;tag=1928301774',
  'Call-ID: a84b4c76e66710@pc33.atlanta.example.com',
  'CSeq: 314159 INVITE',
  'Contact: <sip:alice@pc33.atlanta.example.com>',
  'Content-Length: 0',
  '',
  '',
].join('\r\n');

function callId(message: string): string | undefined {
  const bytes = Buffer.from(message, 'latin1');
  const v = viewOf(bytes);
  const at = callIdAt(v, 0, bytes.length);
  return at === NONE ? undefined : bytes.toString('latin1', at, at + callIdBytes(v, at, bytes.length));
}

const CASES = [
  // name                                          message                                     Call-ID
  ['a whole request', INVITE, 'a84b4c76e66710@pc33.atlanta.example.com'],
  ['any case, no blank', 'X\r\ncALL-id:a@b\r\n', 'a@b'],
  ['the short form', 'X\r\ni: a@b\r\n', 'a@b'],
  ['the short form with blanks', 'X\r\nI \t: a@b\r\n', 'a@b'],
  ['a longer name that begins with i', 'X\r\nix: a@b\r\n', undefined],
  ['a longer name that begins with Call-ID', 'X\r\nCall-IDs: a@b\r\n', undefined],
  ['a name that ends so', 'X\r\nX-Call-ID: a@b\r\nY: z\r\n', undefined],
  ['a value on the next line', 'X\r\nCall-ID:\r\n a@b\r\n', 'a@b'],
  ['a line that continues another', 'X\r\nSubject: x\r\n Call-ID: a@b\r\n', undefined],
  ['one word', 'X\r\nCall-ID: a1\r\n', 'a1'],
  ['every character of a word', 'X\r\nCall-ID: -.!%*_+`\'~()<>:\\"/[]?{}@x\r\n', '-.!%*_+`\'~()<>:\\"/[]?{}@x'],
  ['nothing behind @', 'X\r\nCall-ID: a@\r\nY: z\r\n', undefined],
  ['nothing before @', 'X\r\nCall-ID: @b\r\n', undefined],
  ['a bad one, then a good one', 'X\r\nCall-ID: @b\r\nCall-ID: c@d\r\n', 'c@d'],
  ['a comma', 'X\r\nCall-ID: a,b@c\r\n', undefined],
  ['more on the line', 'X\r\nCall-ID: a@b c\r\n', undefined],
  ['255 characters', `X\r\nCall-ID: ${'x'.repeat(255)}\r\n`, 'x'.repeat(255)],
  ['256 characters', `X\r\nCall-ID: ${'x'.repeat(256)}\r\n`, undefined],
  ['lines that end with LF', 'X\nCall-ID: a@b\nY: z\n', 'a@b'],
  ['lines that end with CR', 'X\rCall-ID: a@b\rY: z\r', 'a@b'],
  ['no end of the line', 'X\r\nCall-ID: a@b', undefined],
  ['the first line', 'Call-ID: a@b\r\n', undefined],
  ['the body', 'X\r\nVia: y\r\n\r\nCall-ID: a@b\r\n', 'a@b'],
  ['two of them', 'X\r\ni: a@b\r\nCall-ID: c@d\r\n', 'a@b'],
  ['nothing', '', undefined],
] as const;

test.each(CASES)('%s', (_name, message, expected) => expect(callId(message)).toBe(expected));

test('no message makes it read outside, and what it finds stands in the message', () => {
  const piece = fc.constantFrom('\r\n', '\n', '\r', ' ', '\t', 'Call-ID', 'i', ':', '@', 'a1', 'x', ',', 'INVITE');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const found = callId(pieces.join(''));
      if (found !== undefined) expect(pieces.join('')).toContain(found);
    }),
    { numRuns: 300 },
  );
});
