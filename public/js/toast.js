// A note is one line in the corner; it goes after six seconds, unless somebody is at it.

const shownSeconds = 6

function toast(text) {
  const line = document.getElementById('note').content.firstElementChild.cloneNode(true)
  line.querySelector('span').textContent = text
  document.body.append(line)
  settle(line)
}

function settle(line) {
  line.classList.add('toast-now')
  const close = document.createElement('button')
  close.type = 'button'
  close.className = 'text-button'
  close.textContent = 'Close'
  close.addEventListener('click', () => line.remove())
  line.append(close)
  let left = shownSeconds
  const clock = setInterval(() => {
    if (line.matches(':hover, :focus-within')) left = shownSeconds
    else if (--left <= 0 || !line.isConnected) {
      clearInterval(clock)
      line.remove()
    }
  }, 1000)
}
for (const flash of all('main > .flash')) if (!flash.classList.contains('bad')) settle(flash)

// A part of a page that got no answer says so, until one gets one again.
const noAnswer = document.getElementById('no-answer')
document.addEventListener('htmx:error', () => {
  if (noAnswer) noAnswer.hidden = false
})
document.addEventListener('htmx:after:request', () => {
  if (noAnswer) noAnswer.hidden = true
})
