"""What is wrong in a scenario: rules of the manual, looked for in what every step did."""
