/**
 * The iptables commands of the recordings that give packets a mark, as classification rules. Anything else that they can say is an
 * error: a rule that is only half understood would mark the wrong packets.
 */
import type { ServiceProtocol } from '../../src/base/terms.ts';
import type { ClassificationRule, PortRange } from '../../src/table/actions.ts';

const PROTOCOLS: readonly string[] = ['tcp', 'udp', 'sctp'];
/** Index of the director's port by the name of its interface in the recordings. */
const PORTS: Readonly<Record<string, number>> = { d0: 0, r0: 1 };

/** `iptables-legacy -t mangle -A PREROUTING -p tcp -d 192.0.2.1 --dport 80 -j MARK --set-mark 5` and the like. */
export function markRule(command: string): ClassificationRule {
  const [program, ...words] = command.trim().split(/\s+/);
  const family = program === 'iptables-legacy' ? 'v4' : program === 'ip6tables-legacy' ? 'v6' : undefined;
  if (family === undefined) throw new Error(`not a command of iptables: ${command}`);
  const match: { -readonly [Key in keyof ClassificationRule]?: ClassificationRule[Key] } = {};
  const seen: Record<string, string> = {};
  for (let i = 0; i < words.length; i += 2) {
    const [option, value] = [words[i]!, words[i + 1]];
    if (option === '!' || value === '!') throw new Error(`negation is not understood: ${command}`);
    if (value === undefined) throw new Error(`${option} without a value: ${command}`);
    if (!takeOption(match, seen, option, value)) throw new Error(`${option} ${value} is not understood: ${command}`);
  }
  const isWhole = seen['-t'] === 'mangle' && seen['-A'] === 'PREROUTING' && seen['-j'] === 'MARK' && match.mark !== undefined;
  if (!isWhole) throw new Error(`not a rule that sets a mark: ${command}`);
  return { family, ...match, mark: match.mark! };
}

/** @returns false for what is not known */
function takeOption(
  match: { -readonly [Key in keyof ClassificationRule]?: ClassificationRule[Key] },
  seen: Record<string, string>,
  option: string,
  value: string,
): boolean {
  switch (option) {
    case '-t':
    case '-A':
    case '-j':
      seen[option] = value;
      return true;
    case '-m':
      return value === 'multiport' || PROTOCOLS.includes(value);
    case '-p':
    case '--protocol':
      match.protocol = value as ServiceProtocol;
      return PROTOCOLS.includes(value);
    case '-s':
    case '--source':
      match.source = value;
      return true;
    case '-d':
    case '--destination':
      match.target = value;
      return true;
    case '-i':
    case '--in-interface':
      if (PORTS[value] !== undefined) match.port = PORTS[value];
      return PORTS[value] !== undefined;
    case '--sport':
    case '--source-port':
    case '--sports':
    case '--source-ports':
      match.sourcePorts = portRanges(value);
      return true;
    case '--dport':
    case '--destination-port':
    case '--dports':
    case '--destination-ports':
      match.targetPorts = portRanges(value);
      return true;
    case '--set-mark':
    case '--set-xmark':
      return takeMark(match, value);
    default:
      return false;
  }
}

/** `7`, `0x7`, `0x7/0xffffffff`: only a mask that replaces the whole mark. */
function takeMark(match: { mark?: number }, value: string): boolean {
  const [mark = '', mask] = value.split('/');
  if (mask !== undefined && Number(mask) !== 0xffff_ffff) return false;
  match.mark = Number(mark);
  return mark !== '' && Number.isInteger(match.mark) && match.mark >= 0 && match.mark <= 0xffff_ffff;
}

/** `80`, `80:90`, `80,443,8000:8100`, `:1023`, `1024:`. */
function portRanges(text: string): PortRange[] {
  return text.split(',').map((part) => {
    const [first = '', last] = part.split(':');
    const range: PortRange = last === undefined ? [Number(first), Number(first)] : [Number(first || 0), Number(last || 65535)];
    if (part === '' || !range.every((port) => Number.isInteger(port) && port >= 0 && port <= 65535)) {
      throw new Error(`"${text}" is no list of ports`);
    }
    return range;
  });
}
