/** Names of hosts and ports in command lines of uvsadm, on their way through the director. */
import { expect, test } from 'vitest';
import { answerUvsadm } from '../../src/cli/uvsadmCall.ts';
import type { NameResolver, NameSources } from '../../src/network/hostNames.ts';
import type { UvsadmDirector } from '../../src/uvsadm/director.ts';
import type { TableCommand } from '../../src/uvsadm/toActions.ts';

const FILES: Readonly<Record<string, string>> = {
  '/etc/hosts': '10.0.0.9 vip\n10.0.0.2 web1\n10.0.0.3 web2\n',
  '/etc/services': 'http 80/tcp www\n',
};

/** Carries out command lines. @returns the commands that reached the director, what was said, what the resolver was asked */
async function call(args: readonly string[], input = '') {
  const commands: TableCommand[] = [];
  const asked: string[] = [];
  const said: string[] = [];
  const never = () => Promise.reject(new Error('not expected'));
  const director: UvsadmDirector = {
    tableSize: 4096,
    change: async (list) => {
      commands.push(...list);
      return list.map(() => undefined);
    },
    services: async () => [],
    connections: async function* () {},
    timeouts: never,
    daemons: never,
    startDaemon: never,
    stopDaemon: never,
  };
  const question = (name: string) => {
    asked.push(name);
    return Promise.reject(new Error('ENOTFOUND'));
  };
  const resolver: NameResolver = { resolve4: question, reverse: question, cancel() {} };
  const sources: NameSources = { read: (path) => FILES[path] ?? '', openResolver: () => resolver, wait: () => () => {} };
  const output = { out: async (text: string) => void said.push(text), err: async (text: string) => void said.push(text) };
  const code = await answerUvsadm({ program: 'ipvsadm', args, input }, director, output, sources);
  return { code, commands, asked, said: said.join('') };
}

const words = (line: string) => line.split(' ');

test('hosts and ports may be named', async () => {
  const { code, commands } = await call(words('-a -t vip:http -r web1:www -m'));
  expect(code).toBe(0);
  expect(commands).toMatchObject([
    { service: { protocol: 'tcp', address: '10.0.0.9', port: 80 }, server: { address: '10.0.0.2', port: 80 } },
  ]);
});

test('a name that nobody knows is a wrong value', async () => {
  const { code, said, asked } = await call(words('-A -t nobody.example:80'));
  expect([code, said, asked]).toEqual([2, 'illegal virtual server address[:port] specified\n', ['nobody.example']]);
});

test('numbers ask nobody', async () => {
  expect((await call(words('-a -t 10.0.0.9:80 -r 10.0.0.2 -w 1'))).asked).toEqual([]);
});

test.each(['-a -t vip:80 -r web2:80 -g', '-a -tvip:80 --real-server=web2', 'ipvsadm -a --tcp-service vip:80 -r web2 -g -w 3'])(
  'a line of a restore may name them: %s',
  async (line) => {
    const { code, commands, asked } = await call(['-R'], `-A -t 10.0.0.9:80 -s rr\n\n${line}\n`);
    expect([code, asked]).toEqual([0, []]);
    expect(commands[1]).toMatchObject({ service: { address: '10.0.0.9', port: 80 }, server: { address: '10.0.0.3', port: 80 } });
  },
);
