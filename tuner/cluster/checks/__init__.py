"""Laws that a cluster must keep before it is started; each check looks at one and says what it found."""
