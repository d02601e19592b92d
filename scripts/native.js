// sqlite3's prebuilt binary may be made for a newer glibc than this machine's (Debian 12 has 2.36): npm installs it
// and only loading it fails. So load it here, and build it from source where it does not load.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

const name = createRequire(import.meta.url).resolve('sqlite3')
const loads = () =>
  spawnSync(process.execPath, ['-e', `require(${JSON.stringify(name)})`], { stdio: 'ignore' }).status === 0

if (!loads()) {
  console.log('sqlite3: no prebuilt binary fits this machine, building it from source (a minute or two)')
  const built = spawnSync('npm', ['rebuild', 'sqlite3', '--build-from-source', '--foreground-scripts'], {
    stdio: 'inherit',
    env: { ...process.env, npm_config_build_from_source: 'true' },
  })
  if (built.status !== 0 || !loads()) {
    console.error('sqlite3 could not be built. It needs: apt-get install build-essential python3')
    process.exit(1)
  }
}
