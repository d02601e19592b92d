// Sign-in: show the password, and say when Caps Lock is on.
for (const button of all('[data-show-password]')) {
  const field = document.getElementById(button.dataset.showPassword)
  button.hidden = false
  button.addEventListener('click', () => {
    const shows = field.type === 'text'
    field.type = shows ? 'password' : 'text'
    button.querySelector('span').textContent = shows ? 'Show' : 'Hide'
    field.focus()
  })
  field.form.addEventListener('submit', () => {
    field.type = 'password'
  })
}
for (const sign of all('[data-caps-lock]')) {
  const look = (event) => {
    if (event.getModifierState) sign.hidden = !event.getModifierState('CapsLock')
  }
  document.addEventListener('keydown', look)
  document.addEventListener('keyup', look)
}

// A new password: which of its rules it meets already. The node judges the rest when it is sent.
for (const rules of all('[data-rules]')) {
  const password = document.getElementById(rules.dataset.rules)
  const [least, same] = [rules.querySelector('[data-least]'), rules.querySelector('[data-same]')]
  const again = document.getElementById(same.dataset.same)
  const look = () => {
    least.classList.toggle('met', [...password.value].length >= Number(least.dataset.least))
    same.classList.toggle('met', password.value !== '' && password.value === again.value)
  }
  for (const field of [password, again]) field.addEventListener('input', look)
}
