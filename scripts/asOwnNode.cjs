// Preloaded into npm: what npm installs runs on the project's own Node later, so npm shall judge `engines` by its version.
// Without this npm leaves out, on an older Node of the system, optional packages that ask for a newer one: the very binaries
// of this platform.
const { packages } = require('../package-lock.json');

Object.defineProperty(process, 'version', { value: `v${packages['node_modules/node'].version}` });
