// One line per step on standard error, with its time. Standard output belongs to the program that is started.
const COLOURS = { dim: '2', green: '32', red: '31', yellow: '33', bold: '1' };

/** `text` in a colour of COLOURS when `stream` is a terminal that wants colours. */
export function paint(colour, text, stream = process.stderr) {
  const plain = stream.isTTY !== true || process.env['NO_COLOR'] !== undefined || process.env['TERM'] === 'dumb';
  return plain ? text : `\x1b[${COLOURS[colour]}m${text}\x1b[0m`;
}

/** `0.4 s`, `12 s`. */
export function seconds(ms) {
  return `${ms < 9950 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)} s`;
}

/** Prints `title ...`, does the work, and ends the line with the time it took. */
export async function step(title, work) {
  const startMs = Date.now();
  process.stderr.write(`${paint('bold', 'set-up')}  ${title} ... `);
  try {
    const result = await work();
    process.stderr.write(`${paint('green', seconds(Date.now() - startMs))}\n`);
    return result;
  } catch (fault) {
    process.stderr.write(`${paint('red', 'failed')} after ${seconds(Date.now() - startMs)}\n`);
    throw fault;
  }
}

/** One line about something that is left out, and why. */
export function note(text) {
  process.stderr.write(`${paint('bold', 'set-up')}  ${paint('dim', text)}\n`);
}
