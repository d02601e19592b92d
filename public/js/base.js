// What the pages do beyond links and forms. Without these files everything still works. They are sent as one script.

const root = document.documentElement
root.classList.add('scripted')

const all = (selector, from = document) => [...from.querySelectorAll(selector)]
const isTyping = (element) => element?.matches('input:not([type=checkbox], [type=radio]), textarea, select')

/** A word beside what waits to be saved. */
function mark(word) {
  const badge = document.createElement('span')
  badge.className = word === 'Removed' ? 'mark-changed mark-removed' : 'mark-changed'
  badge.textContent = word
  return badge
}

/** For who does not see the page. */
function say(text) {
  const said = document.getElementById('said')
  if (said) said.textContent = text.replace(/\s+/g, ' ').trim()
}
