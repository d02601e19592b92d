// sqlite3's prebuilt binary may be made for a newer glibc than this machine's (Debian 12 has 2.36): npm installs it
// and only loading it fails. So load it here, and build it from source where it does not load.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const loads = (name) =>
  spawnSync(process.execPath, ['-e', `require(${JSON.stringify(require.resolve(name))})`], { stdio: 'ignore' })
    .status === 0

for (const name of ['sqlite3', 'argon2']) {
  if (loads(name)) continue
  console.log(`${name}: no prebuilt binary fits this machine, building it from source (a minute or two)`)
  const built = spawnSync('npm', ['rebuild', name, '--build-from-source', '--foreground-scripts'], {
    stdio: 'inherit',
    env: { ...process.env, npm_config_build_from_source: 'true' },
  })
  if (built.status !== 0 || !loads(name)) {
    console.error(`${name} could not be built. It needs: apt-get install build-essential python3`)
    process.exit(1)
  }
}
