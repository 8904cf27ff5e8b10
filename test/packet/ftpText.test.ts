import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatAddress } from '../../src/base/address.ts';
import { Family } from '../../src/base/terms.ts';
import { FtpEndpoint, MAX_ENDPOINT_BYTES, writeExtended, writePlain } from '../../src/packet/ftpEndpoint.ts';
import { FtpCommand, nextLine, readCommand, readReply } from '../../src/packet/ftpText.ts';
import { viewOf } from '../support/wireBytes.ts';

const NAMES = Object.keys(FtpCommand);
const found = new FtpEndpoint();

function endpointText(family: number): string {
  const { word0, word1, word2, word3, hasAddress, port } = found;
  if (!hasAddress) return String(port);
  return `${formatAddress({ family: family as 4 | 6, words: [word0, word1, word2, word3] })} ${port}`;
}

function command(text: string, family: number): string {
  const bytes = Buffer.from(text);
  const name = NAMES[readCommand(viewOf(bytes), 0, bytes.length, family, found)]!;
  return name === 'port' || name === 'eprt' ? `${name} ${endpointText(family)}` : name;
}

const COMMANDS = [
  // text                              over     meaning
  ['PASV\r\n', 4, 'pasv'],
  ['pasv\r\nNOOP\r\n', 4, 'pasv'],
  ['PASV\n', 4, 'none'],
  ['PASV\r\n', 6, 'none'],
  ['EPSV\r\n', 4, 'epsv'],
  ['EPSV 1\r\n', 4, 'epsv'],
  ['EPSV 2\r\n', 4, 'none'],
  ['epsv 2\r\n', 6, 'epsv'],
  ['EPSV ALL\r\n', 4, 'none'],
  ['EPSV\n\n', 4, 'none'],
  ['PORT 10,1,0,1,160,1\r\n', 4, 'port 10.1.0.1 40961'],
  ['port  10,1,0,1,160,1\r\n', 4, 'port 10.1.0.1 40961'],
  ['PORT 10,1,0,1,160,1', 4, 'none'],
  ['PORT 10,1,0,1,160\r\n', 4, 'none'],
  ['PORT 10,1,0,256,160,1\r\n', 4, 'none'],
  ['PORT 10,1,0,1,0,0\r\n', 4, 'none'],
  ['PORT 10.1.0.1.160.1\r\n', 4, 'none'],
  ['PORT 10,1,0,1,160,1\r\n', 6, 'none'],
  ['EPRT |1|10.1.0.1|40961|\r\n', 4, 'eprt 10.1.0.1 40961'],
  ['EPRT !1!10.1.0.1!40961!', 4, 'eprt 10.1.0.1 40961'],
  ['EPRT |1|10.1.0.1|40961\r\n', 4, 'none'],
  ['EPRT |1|10.1.0.1|65536|\r\n', 4, 'none'],
  ['EPRT |1|10.1.0.1|0|\r\n', 4, 'none'],
  ['EPRT |||40961|\r\n', 4, 'none'],
  ['EPRT |2|::1|40961|\r\n', 4, 'none'],
  ['EPRT |2|2001:db8:9::5|40961|\r\n', 6, 'eprt 2001:db8:9::5 40961'],
  ['EPRT |2|2001:DB8:0:0:0:0:9:5|40961|\r\n', 6, 'eprt 2001:db8::9:5 40961'],
  ['EPRT |2|::|40961|\r\n', 6, 'eprt :: 40961'],
  ['EPRT |2|1::|40961|\r\n', 6, 'eprt 1:: 40961'],
  ['EPRT |2|1:2:3|40961|\r\n', 6, 'none'],
  ['EPRT |2|1::2::3|40961|\r\n', 6, 'none'],
  ['EPRT |2|1:2:3:4:5:6:7:8:9|40961|\r\n', 6, 'none'],
  ['EPRT |2|1:2:3:4:5:6:7:|40961|\r\n', 6, 'none'],
  ['EPRT |2|12345::|40961|\r\n', 6, 'none'],
  ['RETR PORT\r\n', 4, 'none'],
  ['PAS', 4, 'none'],
] as const;

test.each(COMMANDS)('%j over IPv%i is %s', (text, family, meaning) => expect(command(text, family)).toBe(meaning));

const REPLIES = [
  // text                                                  answers  over  names, and where that stands
  ['227 Entering Passive Mode (10,0,1,1,200,10).\r\n', 'pasv', 4, '10.0.1.1 51210 at 10,0,1,1,200,10'],
  ['227 10,0,1,1,200,10\r\n', 'pasv', 4, '10.0.1.1 51210 at 10,0,1,1,200,10'],
  ['227 (010,000,001,001,200,10)', 'pasv', 4, '10.0.1.1 51210 at 010,000,001,001,200,10'],
  ['227 (10,0,1,1,200,10', 'pasv', 4, undefined],
  ['227 (10,0,1,1,300,10)\r\n', 'pasv', 4, undefined],
  ['227-x (10,0,1,1,200,10)\r\n', 'pasv', 4, undefined],
  ['227 later\r\n(10,0,1,1,200,10)\r\n', 'pasv', 4, undefined],
  ['229 x (|||51210|)\r\n', 'pasv', 4, undefined],
  ['229 x (|||51210|)\r\n', 'epsv', 4, '51210 at |||51210|'],
  ['229 x (!!!51210!)\r\n', 'epsv', 6, '51210 at !!!51210!'],
  ['229 x (|1|10.0.1.1|51210|)\r\n', 'epsv', 4, '10.0.1.1 51210 at |1|10.0.1.1|51210|'],
  ['229 x (|2|2001:db8::1|51210|)\r\n', 'epsv', 6, '2001:db8::1 51210 at |2|2001:db8::1|51210|'],
  ['229 x (|2|2001:db8::1|51210|)\r\n', 'epsv', 4, undefined],
  ['229 x |||51210|\r\n', 'epsv', 4, undefined],
  ['229 x (|||0|)\r\n', 'epsv', 4, undefined],
] as const;

test.each(REPLIES)('%j as an answer to %s over IPv%i', (text, answers, family, expected) => {
  const bytes = Buffer.from(text);
  const isReply = readReply(viewOf(bytes), 0, bytes.length, FtpCommand[answers], family, found);
  expect(isReply ? `${endpointText(family)} at ${text.slice(found.from, found.to)}` : undefined).toBe(expected);
});

test('what is written is read again', () => {
  const text = new Uint8Array(MAX_ENDPOINT_BYTES);
  const port = fc.integer({ min: 1, max: 65_535 });
  fc.assert(
    fc.property(fc.integer(), port, (address, number) => {
      const plain = Buffer.from(`PORT ${Buffer.from(text.subarray(0, writePlain(text, address, number))).toString()}\r\n`);
      expect(readCommand(viewOf(plain), 0, plain.length, Family.v4, found)).toBe(FtpCommand.port);
      expect([found.word3, found.port]).toEqual([address, number]);
      const short = Buffer.from(`229 (${Buffer.from(text.subarray(0, writeExtended(text, number))).toString()})`);
      expect(readReply(viewOf(short), 0, short.length, FtpCommand.epsv, Family.v6, found)).toBe(true);
      expect([found.hasAddress, found.port]).toEqual([false, number]);
    }),
    { numRuns: 100 },
  );
});

test('no text makes it read outside', () => {
  const piece = fc.constantFrom(
    '227 ',
    '229 ',
    'EPRT ',
    'PORT ',
    '(',
    '|',
    '1',
    '2',
    '10',
    ',',
    '.',
    ':',
    '::',
    '51210',
    ')',
    '\r\n',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
      const bytes = Buffer.from(pieces.join(''));
      const v = viewOf(bytes);
      for (const family of [4, 6]) {
        readCommand(v, 0, bytes.length, family, found);
        for (const each of [FtpCommand.pasv, FtpCommand.epsv]) {
          if (readReply(v, 0, bytes.length, each, family, found)) expect(found.to).toBeLessThanOrEqual(bytes.length);
        }
      }
      expect(nextLine(v, 0, bytes.length)).toBe(pieces.join('').indexOf('\n') + 1 || bytes.length);
    }),
    { numRuns: 300 },
  );
});
